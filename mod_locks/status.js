/* SPDX-License-Identifier: Apache-2.0 */
/* Loads the page anew now and then, and puts what changed in place of what is
 * shown: focus, scrolling and what is being typed stay. */
const PERIOD = 5000;
const SLOWEST = 60000;
const place = document.getElementById("refresh");
let period = PERIOD;
let timer;

/* A row has the focus: what replaces it gets it. */
function keepFocus(replace) {
    const focused = document.activeElement;
    const href = focused?.getAttribute?.("href");
    replace();
    if (href && !focused.isConnected) {
        document.querySelector(`a[href="${CSS.escape(href)}"]`)?.focus();
    }
}

function show(page) {
    keepFocus(() => {
        for (const part of document.querySelectorAll("[id^=live-]")) {
            const now = page.getElementById(part.id);
            if (now && now.innerHTML !== part.innerHTML) {
                part.replaceWith(document.adoptNode(now));
            }
        }
    });
}

async function refresh() {
    try {
        const answer = await fetch(location.href, { cache: "no-store" });
        if (!answer.ok) {
            throw new Error(`${answer.status} ${answer.statusText}`);
        }
        show(new DOMParser().parseFromString(await answer.text(), "text/html"));
        period = PERIOD;
        note.textContent = "";
    } catch (error) {
        period = Math.min(period * 2, SLOWEST);
        note.textContent = `Not up to date: ${error.message}`;
    }
}

function plan() {
    clearTimeout(timer);
    if (!paused && !document.hidden) {
        timer = setTimeout(async () => {
            await refresh();
            plan();
        }, period);
    }
}

let paused = false;
const button = document.createElement("button");
button.type = "button";
button.textContent = "Pause updates";
button.addEventListener("click", () => {
    paused = !paused;
    button.textContent = paused ? "Resume updates" : "Pause updates";
    plan();
});
const note = document.createElement("span");
note.setAttribute("role", "status");
note.className = "bad";
if (place) {
    place.append(button, " ", note);
    document.addEventListener("visibilitychange", plan);
    plan();
}
