// SPDX-License-Identifier: Apache-2.0
/* Edit locks of mod_locks, for editors that run in browsers. What a site ships
 * is locks.js, which is made of this file without comments and blanks:
 * conf/docs/client.md says how, and describes everything for users. */

/**
 * A lock as /locks tells of it; `expiresIn` is in milliseconds.
 * @typedef {object} Lock
 * @property {string} id
 * @property {string} type
 * @property {{courseId: string, gadgetId: string}} subject
 * @property {string} ownerId
 * @property {number} expiresIn
 * @property {string} [clientId] the window that holds it
 */

/**
 * Why a lock was lost.
 * - `gone`: it ended at the server: it ran out there, or somebody broke it;
 * - `forbidden`: the user may not update the course any more;
 * - `window`: the same user holds a lock in another window now;
 * - `expired`: it ran out by the clocks of this page, without an answer;
 * - `left`: the page was left, and was kept by the browser to come back.
 * @typedef {"gone" | "forbidden" | "window" | "expired" | "left"} Reason
 */

/**
 * `moved`: the same page acquired another lock for the same user.
 * @typedef {"held" | "moved" | "released" | Reason} State
 */

/**
 * @typedef {object} Options
 * @property {string} [base] where mod_locks is; "/locks" by default
 * @property {Record<string, string>} [headers] of every request, such as SID
 * @property {AbortSignal} [signal] ends the attempt to acquire, or the watch
 *
 * @typedef {object} OnlyAcquire
 * @property {string} [clientId] the name of this window, at most 64 bytes; by
 *   default one of chance that lasts as long as the page
 * @property {boolean} [takeOver] take it from another window of the same user
 * @property {number} [expiresIn] the lease to ask for, in milliseconds
 * @property {number} [wait] how long to wait for it if somebody else has it,
 *   in whole seconds
 * @property {(reason: Reason) => void} [onLost] called once if the lock is
 *   lost: not if it is released, nor if it moves
 * @typedef {Options & OnlyAcquire} AcquireOptions
 *
 * @typedef {object} OnlyWatch
 * @property {(error: any) => void} [onError] called whenever a request fails;
 *   with a LockError of a status up to 500 the watch is over
 * @typedef {Options & OnlyWatch} WatchOptions
 */

/**
 * A lock that this page acquired.
 * @typedef {object} Held
 * @property {string} id
 * @property {State} state what is known; nobody may be told yet that it is
 *   lost, while `held` is false already
 * @property {boolean} held may the page still save? False from the moment on
 *   when the lease has run out by either of the browser's clocks
 * @property {number} left for how long, in milliseconds, without a renewal
 * @property {() => Promise<void>} release gives it back; rejects if the server
 *   cannot be reached
 */

/** A refusal. */
export class LockError extends Error {
    /**
     * @param {number} status
     * @param {{message: string, lock?: Lock}} body
     * @param {number} retryAfter
     */
    constructor(status, { message, lock }, retryAfter) {
        super(message);
        this.name = "LockError";
        /** Of HTTP. */
        this.status = status;
        /** The lock that is in the way, where the server tells of it. */
        this.lock = lock;
        /** In seconds; 0 if the server does not say. */
        this.retryAfter = retryAfter;
    }
}

/* ---- Time ---- */

const SECOND = 1000;
/** How long a request may take. */
const LIMIT = 10 * SECOND;
/** Between looks at a course: while the server waits for us, while it does
 *  not, and while nobody looks at the page. */
const PAUSE = 0.3 * SECOND;
const POLL = 5 * SECOND;
const HIDDEN_POLL = 30 * SECOND;
/** The longest wait that is asked for, the longest pause between tries and
 *  the longest that a Retry-After is believed, in seconds. */
const WAIT = 30;
const BACK_OFF = 30;
const RETRY_AFTER = 60;
/** How often an acquire and a release are tried. */
const TRIES = 5;

/* The first clock never steps, but may stop while the computer sleeps; the
 * second knows of that, but people and time servers set it. */
const clocks = () => [performance.now(), Date.now()];

/** @param {number} ms */
const jitter = (ms) => ms * (1 + Math.random() / 2);

/**
 * How long to wait before the next try, in milliseconds.
 * @param {any} error
 * @param {number} tries those that failed before
 * @param {number} most without a Retry-After, in seconds
 */
const pause = (error, tries, most) =>
    jitter(SECOND * Math.max(Math.min(error.retryAfter || 0, RETRY_AFTER),
        Math.min(2 ** tries, most)));

/**
 * @param {number} ms
 * @param {AbortSignal} [signal] ends it early
 * @returns {Promise<void>}
 */
const sleep = (ms, signal) => new Promise((done) => {
    const end = () => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", end);
        done();
    };
    const timer = setTimeout(end, signal?.aborted ? 0 : ms);

    signal?.addEventListener("abort", end);
});

/* ---- Requests ---- */

/** Would the same request be refused again? @param {any} error */
const isFinal = (error) => error.status <= 500;

/**
 * Calls back from nowhere: what callbacks throw is for the browser's console.
 * @template T
 * @param {((value: T) => void) | undefined} callback
 * @param {T} value
 */
const tell = (callback, value) => queueMicrotask(() => callback?.(value));

/**
 * @typedef {object} Request
 * @property {AbortSignal} [signal]
 * @property {object} [body]
 * @property {Record<string, string>} [more] headers
 * @property {number} [limit] in milliseconds
 */

/**
 * Sends a request once. Throws a LockError for what the server refuses.
 * @param {Options} options
 * @param {string} method
 * @param {string} path after the base
 * @param {Request} request
 */
const send = async ({ base = "/locks", headers }, method, path,
    { signal, body, more, limit = LIMIT }) => {
    const sent = clocks();
    const signals = [AbortSignal.timeout(Math.ceil(limit))];
    const answer = await fetch(base + path, {
        method,
        cache: "no-store",
        // Pages that end have to give their locks back.
        keepalive: method === "DELETE",
        signal: AbortSignal.any(signals.concat(signal ?? [])),
        body: body && JSON.stringify(body),
        headers: {
            ...(body && { "Content-Type": "application/json" }),
            ...more,
            ...headers,
        },
    });
    const { status } = answer;
    const isSame = status === 304;
    const json = isSame ? null : await answer.json();

    if (!answer.ok && !isSame) {
        throw new LockError(status, json,
            Number(answer.headers.get("Retry-After")) || 0);
    }
    /** @param {string} name */
    const header = (name) => answer.headers.get(name) ?? "";
    return { json, sent, header };
};

/**
 * Sends a request again where that may help.
 * @param {() => ReturnType<typeof send>} request
 * @param {AbortSignal} [signal]
 */
const insist = async (request, signal) => {
    for (let tries = 0; ; tries++) {
        signal?.throwIfAborted();
        try {
            return await request();
        } catch (error) {
            if (isFinal(error) || tries + 1 >= TRIES) throw error;
            await sleep(pause(error, tries, BACK_OFF), signal);
        }
    }
};

/**
 * Takes one step after the other.
 * @param {(signal: AbortSignal, early: boolean) => Promise<number>} step
 *   returns how many milliseconds to pause; called early if the page appears
 *   or hides, which the signal tells to the step before
 */
const repeat = (step) => {
    const stop = new AbortController();
    const { signal } = stop;
    let turn = new AbortController();
    const hurry = () => turn.abort();

    signal.addEventListener("abort", hurry);
    document.addEventListener("visibilitychange", hurry, { signal });
    (async () => {
        for (let ms = 0; !signal.aborted;) {
            await sleep(ms, turn.signal);
            if (signal.aborted) return;
            const early = turn.signal.aborted;
            turn = new AbortController();
            ms = await step(turn.signal, early);
        }
    })();
    return { signal, hurry, stop: () => stop.abort() };
};

/* ---- Locks ---- */

/** Other windows of this site: whoever acquired a lock says so, and all that
 *  hold one look whether it was theirs. */
const CHANNEL = "mod_locks";
/** What refusals of a renewal mean. @type {Record<number, Reason>} */
const REASONS = { 403: "forbidden", 404: "gone", 409: "window" };

const page = Math.random().toString(36).slice(2);
/** The last lock of each user. @type {Map<string, ReturnType<typeof keep>>} */
const current = new Map();
/** Settles once nothing is being acquired. @type {Promise<unknown>} */
let acquiring = Promise.resolve();

/**
 * Keeps a lock until it ends.
 *
 * It is renewed after a third of its lease, counted from when the request was
 * sent whose answer told how long that is: so it is over here first. Renewals
 * follow one another, and none takes longer than the lease: their answers
 * cannot overtake each other. While the page is hidden there are none.
 *
 * Once a second it is looked whether the computer slept, or somebody set its
 * clock: if the lease is over by that clock alone, the server has to say that
 * it is not.
 * @param {AcquireOptions} options
 * @param {object} terms what renewals send
 * @param {{json: Lock, sent: number[]}} answer
 */
const keep = (options, terms, { json, sent }) => {
    const path = `/${json.id}`;
    let lease = json.expiresIn;
    let due = jitter(0.3 * lease);
    let tries = 0;
    /** @type {State} */
    let state = "held";
    const ages = () => clocks().map((now, i) => now - sent[i]);
    const age = () => Math.max(...ages());

    /** @param {Exclude<State, "held">} how */
    const end = (how) => {
        if (signal.aborted) return;
        state = how;
        stop();
        channel.close();
        if (how !== "moved" && how !== "released") {
            tell(options.onLost, how);
        }
    };

    /** @param {"released" | "left"} how */
    const release = async (how) => {
        if (signal.aborted) return;
        end(how);
        try {
            await insist(() => send(options, "DELETE", path, {}));
        } catch (error) {
            if (/** @type {any} */ (error).status !== 404) throw error;
        }
    };

    /**
     * The server says that the lock is lost; unless this page moved it.
     * @param {Reason} reason
     */
    const lose = async (reason) => {
        lease = 0;
        await acquiring;
        if (reason === "gone") {
            try {
                const own = await send(options, "GET", "?ownerId=me",
                    { signal });
                if (own.json[0]) reason = "window";
            } catch {
                // It is lost whatever the reason is.
            }
        }
        end(reason);
    };

    /** @param {AbortSignal} turn */
    const renew = async (turn) => {
        try {
            const answer = await send(options, "PUT", path, {
                signal: turn,
                body: terms,
                limit: Math.min(LIMIT, lease - ages()[0]),
            });

            ({ sent } = answer);
            lease = answer.json.expiresIn;
            due = jitter(0.3 * lease);
            tries = 0;
        } catch (/** @type {any} */ error) {
            const reason = REASONS[error.status];

            if (reason) await lose(reason);
            else if (!turn.aborted) {
                const left = lease - age();

                if (left <= 0) end("expired");
                // Not so long that there is no try before the end.
                due = age() + pause(error, tries++,
                    Math.max(lease / 20, left / 4) / SECOND);
            }
        }
    };

    const { signal, hurry, stop } = repeat(async (turn, early) => {
        const [steady, wall] = ages();
        const { hidden } = document;

        if (steady >= lease) end("expired");
        else if (wall >= lease + SECOND
            || (!hidden && (early || age() >= due))) await renew(turn);
        return Math.min(SECOND, lease - ages()[0],
            hidden ? SECOND : due - age());
    });
    const channel = new BroadcastChannel(CHANNEL);

    channel.postMessage(0);
    channel.onmessage = hurry;
    addEventListener("pagehide", ({ persisted }) => {
        release(persisted ? "left" : "released").catch(() => {});
    }, { signal });
    const left = () => signal.aborted ? 0 : Math.max(0, lease - age());
    /** @type {Held} */
    const held = {
        id: json.id,
        get state() { return state; },
        get left() { return left(); },
        get held() { return left() > 0; },
        release: () => release("released"),
    };
    return { held, end };
};

/**
 * @param {string} courseId
 * @param {string} gadgetId
 * @param {AcquireOptions} options
 */
const take = async (courseId, gadgetId, options) => {
    const { signal, clientId = page, expiresIn, takeOver, wait } = options;
    const terms = { clientId, expiresIn };
    const subject = { courseId, gadgetId };
    let answer = await insist(() => send(options, "POST", "", {
        body: { type: "gadget", subject, takeOver, ...terms },
        // If it is not waiting it is soon over; what was granted although
        // nobody wants it any more is released below.
        ...(wait && {
            signal,
            more: { Prefer: `wait=${wait}` },
            limit: LIMIT + SECOND * wait,
        }),
    }), signal);

    // How long ago the server answered after its wait, only it can say.
    if (wait) {
        const path = `/${answer.json.id}`;
        answer = await insist(() => send(options, "PUT", path,
            { body: terms }));
    }
    const kept = keep(options, terms, answer);
    const lock = kept.held;
    const user = `${options.base} ${answer.json.ownerId}`;
    const other = current.get(user);

    // Of two that were asked for at once, the later grant has the larger ID.
    if (other?.held.held && BigInt(other.held.id) > BigInt(lock.id)) {
        kept.end("moved");
    } else {
        other?.end("moved");
        current.set(user, kept);
    }
    if (signal?.aborted) await lock.release();
    return lock;
};

/**
 * Takes a lock and keeps it until it is released or lost. Rejects with a
 * LockError if the server refuses.
 * @param {string} courseId
 * @param {string} gadgetId
 * @param {AcquireOptions} [options]
 * @returns {Promise<Held>}
 */
export const acquire = (courseId, gadgetId, options = {}) => {
    const { signal } = options;
    const lock = take(courseId, gadgetId, options);
    /** @type {() => void} */
    let forget = () => {};
    const aborted = new Promise((_, reject) => {
        const abort = () => reject(signal?.reason);
        signal?.addEventListener("abort", abort);
        forget = () => signal?.removeEventListener("abort", abort);
    });

    acquiring = Promise.allSettled([acquiring, lock]).then(forget);
    return /** @type {Promise<Held>} */ (Promise.race([lock, aborted]));
};

/* ---- Courses ---- */

/**
 * Calls back with a course's locks: at once, whenever they change, and when
 * half of the time is over that the first of them had left, as the list stays
 * the same when they are renewed.
 * @param {string} courseId
 * @param {(locks: Lock[]) => void} callback
 * @param {WatchOptions} [options]
 * @returns {() => void} what ends it
 */
export const watch = (courseId, callback, options = {}) => {
    const path = `?subject.courseId=${encodeURIComponent(courseId)}`;
    let etag = "";
    let stale = 0;
    let tries = 0;

    const { signal, stop } = repeat(async (turn) => {
        const { hidden } = document;
        const left = stale - performance.now();
        if (left <= 0) etag = "";
        const wait = etag && !hidden
            ? Math.ceil(Math.min(WAIT, left / SECOND)) : 0;

        try {
            const { json, header } = await send(options, "GET", path, {
                signal: turn,
                limit: LIMIT + SECOND * wait,
                more: {
                    ...(etag && { "If-None-Match": etag }),
                    ...(wait && { Prefer: `wait=${wait}` }),
                },
            });

            turn.throwIfAborted();
            if (json) {
                const first = Math.min(
                    ...json.map((/** @type {Lock} */ lock) => lock.expiresIn));
                etag = header("ETag");
                stale = performance.now() + Math.max(2 * SECOND, first / 2);
                tell(callback, json);
            }
            tries = 0;
            if (hidden) return jitter(HIDDEN_POLL);
            return jitter(!etag || (wait && !header("Preference-Applied"))
                ? POLL : PAUSE);
        } catch (/** @type {any} */ error) {
            if (turn.aborted) return 0;
            tell(options.onError, error);
            if (isFinal(error)) stop();
            return pause(error, tries++, BACK_OFF);
        }
    });

    if (options.signal?.aborted) stop();
    options.signal?.addEventListener("abort", stop, { signal });
    return stop;
};
