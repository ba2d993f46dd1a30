// SPDX-License-Identifier: Apache-2.0
/* What the client knows of a browser, with clocks and a server that tests
 * turn by hand. */
import { readFileSync } from "node:fs";

/** The client to test: what sites ship, or what that is made of. */
const file = process.env.LOCKS_JS ?? "locks.js";
const source = readFileSync(
    new URL(`../../conf/www/${file}`, import.meta.url), "utf8");

/* ---- Time ---- */

let steady = 0;
let wall = 1.7e12;
let timers = new Map();
let last = 0;

/** Lets everything happen that needs no time. */
export async function settle() {
    for (let i = 0; i < 60; i++) {
        await null;
    }
}

/** Lets time pass, by both clocks. */
export async function pass(ms) {
    const until = steady + ms;
    await settle();
    for (;;) {
        const [id, timer] = [...timers].reduce(
            (first, one) => (!first || one[1].at < first[1].at ? one : first),
            null) ?? [];
        if (!timer || timer.at > until) {
            break;
        }
        timers.delete(id);
        wall += Math.max(0, timer.at - steady);
        steady = Math.max(steady, timer.at);
        timer.callback();
        await settle();
    }
    wall += until - steady;
    steady = until;
    await settle();
}

/** Lets time pass that the steady clock and timers do not know of. */
export const sleepComputer = (ms) => { wall += ms; };
/** Somebody sets the clock. */
export const step = (ms) => { wall += ms; };
export const timersLeft = () => timers.size;
export const now = () => steady;

/* ---- The server ---- */

/** What was asked, with when, its signal, and `answer`. */
export const requests = [];
/** What answers: a function of the request, or undefined to be answered by
 *  hand. */
let server;
export const serve = (answers) => { server = answers; };

export class Refusal {
    constructor(status, body = {}, headers = {}) {
        Object.assign(this, { status, body, headers });
    }
}

export const lock = (id, more = {}) => ({
    id: String(id), type: "gadget", ownerId: "42", expiresIn: 300_000,
    subject: { courseId: "course1", gadgetId: "g1" }, ...more,
});

function respond(value) {
    if (value instanceof Error) {
        throw value;
    }
    const { status, body, headers } = value instanceof Refusal ? value
        : new Refusal(200, value);
    return new Response(status === 304 ? null : JSON.stringify(body),
        { status, headers });
}

async function fetchFake(url, settings) {
    const request = { url, at: steady, ...settings,
        body: settings.body && JSON.parse(settings.body) };
    const aborted = new Promise((_, reject) => {
        const abort = () => reject(settings.signal.reason);
        if (settings.signal.aborted) {
            abort();
        }
        settings.signal.addEventListener("abort", abort);
    });
    const answered = new Promise((resolve) => {
        request.answer = resolve;
    });
    requests.push(request);
    const value = server?.(request);
    if (value !== undefined) {
        request.answer(value);
    }
    return respond(await Promise.race([answered, aborted]));
}

export const asked = (method) =>
    requests.filter((request) => request.method === method);

/* ---- The browser ---- */

class FakeDocument extends EventTarget {
    hidden = false;
}

let windowEvents;
/** What the console would have. */
export const thrown = [];
const { queueMicrotask: queue } = globalThis;
const channels = new Set();

class FakeChannel {
    constructor() {
        channels.add(this);
    }

    postMessage() {
        for (const other of channels) {
            if (other !== this) {
                queueMicrotask(() => other.onmessage?.());
            }
        }
    }

    close() {
        channels.delete(this);
    }
}

export const channelsLeft = () => channels.size;

/** Another window of the site acquires a lock. */
export async function announce() {
    const other = new FakeChannel();
    other.postMessage();
    other.close();
    await settle();
}

export async function show(visible) {
    document.hidden = !visible;
    document.dispatchEvent(new Event("visibilitychange"));
    await settle();
}

export async function leave(persisted) {
    windowEvents.dispatchEvent(
        Object.assign(new Event("pagehide"), { persisted }));
    await settle();
}

/** A new page, with nothing under way. */
export async function open() {
    timers = new Map();
    requests.length = 0;
    server = undefined;
    channels.clear();
    thrown.length = 0;
    windowEvents = new EventTarget();
    globalThis.document = new FakeDocument();
    Object.assign(globalThis, {
        fetch: fetchFake,
        BroadcastChannel: FakeChannel,
        addEventListener: windowEvents.addEventListener.bind(windowEvents),
        queueMicrotask: (callback) => queue(() => {
            try {
                callback();
            } catch (error) {
                thrown.push(error);
            }
        }),
        setTimeout: (callback, ms) => {
            const id = ++last;
            // Whole ones, as the clock would move on in between.
            timers.set(id, { callback,
                at: steady + Math.max(0, Math.ceil(ms)) });
            return id;
        },
        clearTimeout: (id) => { timers.delete(id); },
    });
    Object.defineProperty(globalThis, "performance",
        { value: { now: () => steady }, configurable: true });
    Date.now = () => wall;
    AbortSignal.timeout = (ms) => {
        if (!Number.isInteger(ms) || ms < 0) {
            throw new RangeError(`a timeout of ${ms}`);
        }
        const stop = new AbortController();
        // A browser forgets these when nobody waits any more: not counted.
        timers.set(`limit ${++last}`, { at: steady + ms, callback: () =>
            stop.abort(new DOMException("too late", "TimeoutError")) });
        return stop.signal;
    };
    // A module of its own for each test: the client knows what it holds.
    return import("data:text/javascript," + encodeURIComponent(
        `${source}\n// ${++last}`));
}

/** Timers that a page that holds nothing must not have. */
export const ownTimers = () =>
    [...timers.keys()].filter((id) => typeof id === "number").length;
