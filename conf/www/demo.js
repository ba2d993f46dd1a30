// SPDX-License-Identifier: Apache-2.0
/* Two editors at one page: what an editor of a site would do for one. */
import { acquire, LockError, watch } from "./locks.js";

const COURSE = "algebra";
const GADGETS = { quiz: "Quiz", essay: "Essay", survey: "Survey" };
/* The sessions and users of conf/try.sh. A site's own editor sends what its
 * users are signed in with. */
const PEOPLE = [
    { name: "Anna", sid: "anna", userId: "42" },
    { name: "Ben", sid: "ben", userId: "43" },
];
const NAMES = new Map([["44", "Carl"]]);
const REASONS = {
    gone: "it ended at the server: it ran out, or somebody broke it",
    forbidden: "you may not change this course any more",
    window: "you took a lock in another window",
    expired: "it ran out without an answer from the server",
    left: "the page was left in the meantime",
};

for (const { userId, name } of PEOPLE) {
    NAMES.set(userId, name);
}

const nameOf = (userId) => NAMES.get(userId) ?? `User ${userId}`;

/** 83000 is "1:23". */
function minutes(ms) {
    const seconds = Math.max(0, Math.ceil(ms / 1000));
    return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

function clone(id) {
    return document.getElementById(id).content.firstElementChild
        .cloneNode(true);
}

function log(text) {
    const line = document.createElement("p");
    const time = document.createElement("time");
    time.textContent = new Date().toLocaleTimeString("en-GB");
    line.append(time, document.createTextNode(text));
    document.getElementById("log").prepend(line);
}

class Editor {
    constructor(person) {
        this.person = person;
        this.options = { headers: { SID: person.sid } };
        /** By gadget: who has it, and until when by performance.now(). */
        this.locks = new Map();
        this.held = undefined;
        this.busy = "";
        this.rows = new Map();
        this.build();
        watch(COURSE, (locks) => this.list(locks), {
            ...this.options,
            onError: (error) => this.connection(error),
        });
        setInterval(() => this.show(), 500);
    }

    build() {
        const { name, sid } = this.person;
        this.root = clone("editor");
        this.root.id = sid;
        this.root.setAttribute("aria-labelledby", `${sid}-name`);
        this.root.querySelector(".name").textContent = name;
        this.root.querySelector(".name").id = `${sid}-name`;
        this.root.querySelector(".face").textContent = name[0];
        this.notice = this.root.querySelector(".notice");
        this.root.querySelector(".close").onclick = () => this.close();
        for (const [gadget, title] of Object.entries(GADGETS)) {
            const row = clone("gadget");
            row.dataset.gadget = gadget;
            row.querySelector("h3").textContent = title;
            row.querySelector("button").onclick = () => this.press(gadget);
            this.rows.set(gadget, row);
            this.root.querySelector(".gadgets").append(row);
        }
        document.getElementById("editors").append(this.root);
        this.link("Asking the server …");
        this.show();
    }

    /* ---- What the server tells ---- */

    list(locks) {
        const now = performance.now();
        this.link("Connected: changes appear by themselves.");
        this.locks = new Map(locks.map((lock) => [lock.subject.gadgetId, {
            owner: lock.ownerId,
            id: lock.id,
            ends: now + lock.expiresIn,
            lease: Math.max(lock.expiresIn,
                this.locks.get(lock.subject.gadgetId)?.lease ?? 0),
        }]));
        this.show();
    }

    connection(error) {
        this.link(error instanceof LockError
            ? `The server refuses: ${error.message}. Trying again.`
            : "The server does not answer. Trying again.", true);
    }

    link(text, isBad = false) {
        const line = this.root.querySelector(".link");
        line.classList.toggle("bad", isBad);
        if (line.textContent !== text) {
            line.textContent = text;
        }
    }

    /* ---- What is shown ---- */

    show() {
        for (const [gadget, row] of this.rows) {
            this.showGadget(gadget, row, this.locks.get(gadget));
        }
    }

    showGadget(gadget, row, lock) {
        const isOwn = this.held?.gadget === gadget;
        const left = isOwn ? this.held.lock.left
            : lock ? lock.ends - performance.now() : 0;
        const button = row.querySelector("button");
        let kind = "free";
        let text = "Nobody has it.";

        if (isOwn) {
            kind = "own";
            text = `Yours: ${minutes(left)} left. It renews itself.`;
        } else if (lock?.owner === this.person.userId) {
            kind = "own";
            text = `Yours, in another window: ${minutes(left)} left.`;
        } else if (lock) {
            kind = "other";
            text = `${nameOf(lock.owner)} has it: ${minutes(left)} left.`;
        }
        row.className = `gadget ${kind}`;
        row.querySelector(".holder").textContent = text;
        row.querySelector("meter").value = lock ? left / lock.lease : 0;
        button.textContent = this.busy === gadget ? "…"
            : isOwn ? "Release" : "Lock";
        button.setAttribute("aria-label",
            `${isOwn ? "Release" : "Lock"} ${GADGETS[gadget]}`);
        button.setAttribute("aria-disabled", String(this.busy !== ""));
    }

    tell(text, { isBad = false, takeOver } = {}) {
        const over = this.root.querySelector(".over");
        this.notice.hidden = false;
        this.notice.classList.toggle("bad", isBad);
        this.notice.querySelector(".text").textContent = text;
        over.hidden = !takeOver;
        over.onclick = takeOver;
        log(`${this.person.name}: ${text}`);
    }

    close() {
        this.notice.hidden = true;
    }

    /* ---- What the user does ---- */

    async press(gadget) {
        if (this.busy) {
            return;
        }
        this.close();
        if (this.held?.gadget === gadget) {
            await this.work(gadget, () => this.release());
        } else {
            await this.work(gadget, () => this.lock(gadget));
        }
    }

    async work(gadget, action) {
        this.busy = gadget;
        this.show();
        try {
            await action();
        } catch (error) {
            this.explain(gadget, error);
        }
        this.busy = "";
        this.show();
    }

    async lock(gadget, takeOver) {
        const before = this.held;
        const lock = await acquire(COURSE, gadget, {
            ...this.options,
            takeOver,
            onLost: (reason) => this.lose(lock, gadget, reason),
        });
        this.held = lock.held ? { lock, gadget } : undefined;
        this.close();
        log(before && before.gadget !== gadget
            ? `${this.person.name} moved on to the ${gadget}.`
            : `${this.person.name} locked the ${gadget}.`);
    }

    async release() {
        const { lock, gadget } = this.held;
        this.held = undefined;
        await lock.release();
        log(`${this.person.name} released the ${gadget}.`);
    }

    lose(lock, gadget, reason) {
        if (this.held?.lock === lock) {
            this.held = undefined;
        }
        this.tell(`You lost the ${gadget}: ${REASONS[reason]}.`,
            { isBad: true });
        this.show();
    }

    explain(gadget, error) {
        if (error.status === 409) {
            this.tell(`You have the ${gadget} in another window.`, {
                takeOver: () => this.work(gadget,
                    () => this.lock(gadget, true)),
            });
        } else if (error.lock) {
            this.tell(`${nameOf(error.lock.ownerId)} has the ${gadget} for `
                + `another ${minutes(error.lock.expiresIn)}.`);
        } else {
            this.tell(`That did not work: ${error.message}.`,
                { isBad: true });
        }
    }
}

for (const person of PEOPLE) {
    new Editor(person);
}
