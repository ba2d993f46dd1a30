// SPDX-License-Identifier: Apache-2.0
/* Acquiring: refusals, tries, signals, moves, and several at once. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { announce, asked, lock, open, ownTimers, pass, Refusal, requests,
    serve, settle } from "./world.mjs";

const LEASE = 300_000;
const down = (seconds) => new Refusal(503, { error: 503, message: "down" },
    { "Retry-After": String(seconds) });
const held = () => new Refusal(403, { error: 403, message: "Resource locked",
    lock: lock(3, { ownerId: "43" }) }, { "Retry-After": "9" });

async function opened() {
    const client = await open();
    const lost = [];
    return { ...client, lost,
        note: { onLost: (reason) => lost.push(reason) } };
}

test("a refusal carries the holder", async () => {
    const { acquire, LockError } = await opened();
    serve(held);
    await assert.rejects(acquire("course1", "g1"), (error) => {
        assert.ok(error instanceof LockError && error instanceof Error);
        assert.equal(error.name, "LockError");
        assert.equal(error.status, 403);
        assert.equal(error.message, "Resource locked");
        assert.equal(error.lock.ownerId, "43");
        assert.equal(error.retryAfter, 9);
        return true;
    });
    assert.equal(requests.length, 1);
    assert.equal(ownTimers(), 0);
});

test("503 and the network are tried again, for a while", async () => {
    const { acquire } = await opened();
    const answers = [down(2), new TypeError("network"), lock(7)];
    serve(() => answers.shift());
    const pending = acquire("course1", "g1");
    await pass(10_000);
    assert.equal((await pending).id, "7");
    const [first, second, third] = requests.map(({ at }) => at);
    assert.ok(second - first >= 2_000 && second - first <= 3_000);
    assert.ok(third - second >= 2_000 && third - second <= 3_000);
});

test("not for ever", async () => {
    const { acquire } = await opened();
    serve(() => new TypeError("network"));
    const refused = assert.rejects(acquire("course1", "g1"), TypeError);
    await pass(60_000);
    await refused;
    assert.equal(requests.length, 5);
    assert.equal(ownTimers(), 0);
});

test("a server that says nothing", async () => {
    const { acquire } = await opened();
    const refused = assert.rejects(acquire("course1", "g1"),
        { name: "TimeoutError" });
    await pass(120_000);
    await refused;
    assert.equal(requests.length, 5);
    assert.ok(requests.every(({ signal }) => signal.aborted));
});

test("the lease counts from the try that succeeded", async () => {
    const { acquire } = await opened();
    const answers = [down(30), lock(7, { expiresIn: 10_000 })];
    serve(() => answers.shift());
    const pending = acquire("course1", "g1");
    await pass(45_000);
    const granted = await pending;
    assert.equal(granted.left, Math.max(0, 10_000 - (45_000
        - (requests[1].at - requests[0].at))));
});

/* ---- Signals ---- */

test("aborted before it begins", async () => {
    const { acquire } = await opened();
    await assert.rejects(acquire("course1", "g1",
        { signal: AbortSignal.abort() }), { name: "AbortError" });
    assert.equal(requests.length, 0);
});

test("aborted under way: what is granted is released", async () => {
    const { acquire } = await opened();
    const stop = new AbortController();
    const refused = assert.rejects(acquire("course1", "g1",
        { signal: stop.signal }), { name: "AbortError" });
    await settle();
    stop.abort();
    await refused;
    requests[0].answer(lock(7));
    await settle();
    assert.equal(asked("DELETE")[0].url, "/locks/7");
    asked("DELETE")[0].answer({});
    await pass(LEASE);
    assert.equal(requests.length, 2);
    assert.equal(ownTimers(), 0);
});

test("aborted between two tries", async () => {
    const { acquire } = await opened();
    const stop = new AbortController();
    serve(() => down(5));
    const refused = assert.rejects(acquire("course1", "g1",
        { signal: stop.signal }), { name: "AbortError" });
    await settle();
    stop.abort();
    await refused;
    await pass(60_000);
    assert.equal(requests.length, 1);
    assert.equal(ownTimers(), 0);
});

test("aborted when it is held already: that is something else", async () => {
    const { acquire } = await opened();
    const stop = new AbortController();
    serve(() => lock(7));
    const granted = await acquire("course1", "g1", { signal: stop.signal });
    stop.abort();
    await settle();
    assert.equal(granted.held, true);
    await granted.release();
});

/* ---- Waiting ---- */

test("what was waited for is confirmed", async () => {
    const { acquire } = await opened();
    const pending = acquire("course1", "g1", { wait: 20 });
    await settle();
    assert.equal(requests[0].headers.Prefer, "wait=20");
    await pass(19_000);
    requests[0].answer(lock(7, { expiresIn: 5_000 }));
    await settle();
    assert.equal(requests[1].method, "PUT");
    requests[1].answer(lock(7, { expiresIn: 4_900 }));
    const granted = await pending;
    assert.equal(granted.left, 4_900);
    assert.equal(granted.held, true);
});

test("a wait is given up at the server too", async () => {
    const { acquire } = await opened();
    const stop = new AbortController();
    const refused = assert.rejects(acquire("course1", "g1",
        { wait: 20, signal: stop.signal }), { name: "AbortError" });
    await settle();
    stop.abort();
    await refused;
    assert.ok(requests[0].signal.aborted);
});

/* ---- Moves ---- */

test("a new lock moves the old one, which is not lost", async () => {
    const { acquire, lost, note } = await opened();
    let next = 7;
    serve(({ method }) => (method === "POST" ? lock(next++)
        : new Refusal(404, { message: "gone" })));
    const first = await acquire("course1", "g1", note);
    const second = await acquire("course1", "g2", note);
    assert.equal(first.state, "moved");
    assert.equal(first.held, false);
    assert.equal(second.held, true);
    await first.release();
    assert.equal(asked("DELETE").length, 0);
    assert.deepEqual(lost, []);
});

test("a renewal that meets the move is no loss", async () => {
    const { acquire, lost, note } = await opened();
    serve(({ method }) => (method === "POST" ? lock(7) : undefined));
    const first = await acquire("course1", "g1", note);
    await announce();
    const [put] = asked("PUT");
    assert.ok(!put.signal.aborted);
    serve(({ method }) => (method === "GET" ? [] : undefined));
    const pending = acquire("course1", "g2", note);
    await settle();
    put.answer(new Refusal(404, { message: "gone" }));
    await settle();
    assert.deepEqual(lost, []);
    asked("POST")[1].answer(lock(9));
    await pending;
    await settle();
    assert.equal(first.state, "moved");
    assert.deepEqual(lost, []);
});

test("a refused move leaves what was held", async () => {
    const { acquire, lost, note } = await opened();
    serve(() => lock(7));
    const first = await acquire("course1", "g1", note);
    serve(({ method }) => (method === "POST" ? held() : lock(7)));
    await assert.rejects(acquire("course1", "g2", note), { status: 403 });
    assert.equal(first.held, true);
    await pass(2 * LEASE);
    assert.equal(first.held, true);
    assert.deepEqual(lost, []);
});

test("lost while a move was refused", async () => {
    const { acquire, lost, note } = await opened();
    serve(() => lock(7));
    await acquire("course1", "g1", note);
    await pass(LEASE / 4);
    serve(({ method }) => (method === "POST" ? undefined
        : method === "GET" ? [] : new Refusal(404, { message: "gone" })));
    const refused = assert.rejects(acquire("course1", "g2", note),
        { status: 403 });
    await settle();
    asked("POST")[1].answer(held());
    await refused;
    await pass(LEASE / 4);
    assert.deepEqual(lost, ["gone"]);
    assert.equal(ownTimers(), 0);
});

test("answers that arrive in another order", async () => {
    const { acquire, lost, note } = await opened();
    const first = acquire("course1", "g1", note);
    const second = acquire("course1", "g2", note);
    await settle();
    requests[1].answer(lock(9));
    await settle();
    requests[0].answer(lock(7));
    assert.equal((await first).state, "moved");
    assert.equal((await second).held, true);
    assert.deepEqual(lost, []);
});

test("two people at one page do not move each other", async () => {
    const { acquire } = await opened();
    serve(({ headers }) => lock(headers.SID === "anna" ? 9 : 7,
        { ownerId: headers.SID }));
    const anna = await acquire("course1", "g1", { headers: { SID: "anna" } });
    const ben = await acquire("course1", "g2", { headers: { SID: "ben" } });
    assert.ok(anna.held && ben.held);
});
