// SPDX-License-Identifier: Apache-2.0
/* Holding a lock: renewals, losses, clocks, sleep, and what overlaps. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { announce, asked, channelsLeft, leave, lock, now, open, ownTimers,
    pass, Refusal, requests, serve, settle, show, sleepComputer, step, thrown }
    from "./world.mjs";

const LEASE = 300_000;

/** A page that holds lock 7, at a server that grants and renews. */
async function holding(options = {}, answers = {}) {
    const client = await open();
    const lost = [];
    const rules = {
        POST: () => lock(7), PUT: () => lock(7), DELETE: () => ({}),
        GET: () => [], ...answers };
    serve((request) => rules[request.method](request));
    const held = await client.acquire("course1", "g1", {
        onLost: (reason) => lost.push(reason), ...options });
    return { ...client, held, lost, rules };
}

const gone = () => new Refusal(404, { error: 404, message: "gone" });
const down = (seconds) => new Refusal(503, { error: 503, message: "down" },
    { "Retry-After": String(seconds) });

test("what is asked for", async () => {
    const { held } = await holding({ headers: { SID: "anna" }, base: "/x",
        clientId: "window 1", takeOver: true, expiresIn: 60_000 });
    const [post] = requests;
    assert.equal(post.url, "/x");
    assert.deepEqual(post.body, { type: "gadget", clientId: "window 1",
        subject: { courseId: "course1", gadgetId: "g1" },
        takeOver: true, expiresIn: 60_000 });
    assert.equal(post.headers.SID, "anna");
    assert.equal(post.headers["Content-Type"], "application/json");
    assert.equal(post.keepalive, false);
    await pass(LEASE / 2);
    const [put] = asked("PUT");
    assert.equal(put.url, "/x/7");
    assert.deepEqual(put.body, { clientId: "window 1", expiresIn: 60_000 });
    await held.release();
    const [remove] = asked("DELETE");
    assert.equal(remove.url, "/x/7");
    assert.equal(remove.keepalive, true);
});

test("a page has one name, others have others", async () => {
    const names = new Set();
    for (let i = 0; i < 2; i++) {
        await holding();
        await pass(LEASE / 2);
        names.add(requests[0].body.clientId);
        assert.equal(asked("PUT")[0].body.clientId,
            requests[0].body.clientId);
    }
    assert.equal(names.size, 2);
});

test("renewals come before half of the lease, at odd times", async () => {
    const pauses = [];
    for (let i = 0; i < 20; i++) {
        const began = now();
        await holding();
        await pass(LEASE / 2);
        assert.equal(asked("PUT").length, 1);
        pauses.push(asked("PUT")[0].at - began);
    }
    assert.ok(Math.min(...pauses) >= 0.3 * LEASE);
    assert.ok(Math.max(...pauses) <= 0.45 * LEASE + 1);
    assert.ok(new Set(pauses).size > 15);
});

test("the lease counts from what was answered", async () => {
    const { held, rules } = await holding({}, {
        POST: () => lock(7, { expiresIn: 10_000 }),
        PUT: () => lock(7, { expiresIn: 4_000 }) });
    await announce();
    assert.equal(held.left, 4_000);
    rules.PUT = () => down(1);
    await pass(4_000);
    assert.equal(held.held, false);
});

test("a slow answer does not make the lease longer", async () => {
    const { acquire } = await open();
    const pending = acquire("course1", "g1");
    await pass(3_000);
    requests[0].answer(lock(7, { expiresIn: 10_000 }));
    const held = await pending;
    assert.equal(held.left, 7_000);
});

test("nor does a slow renewal", async () => {
    const { held } = await holding({}, { PUT: () => undefined });
    await announce();
    await pass(3_000);
    asked("PUT")[0].answer(lock(7));
    await settle();
    assert.equal(held.left, LEASE - 3_000);
});

for (const [status, reason] of [[404, "gone"], [403, "forbidden"],
    [409, "window"]]) {
    test(`a renewal that gets ${status}`, async () => {
        const { held, lost, rules } = await holding();
        rules.PUT = () => new Refusal(status, { message: "no" });
        await pass(LEASE / 2);
        assert.deepEqual(lost, [reason]);
        assert.equal(held.held, false);
        assert.equal(held.state, reason);
        await pass(3 * LEASE);
        await show(true);
        await held.release();
        assert.deepEqual(lost, [reason]);
        assert.equal(asked("DELETE").length, 0);
        assert.equal(ownTimers(), 0);
        assert.equal(channelsLeft(), 0);
    });
}

test("lost to another window of the same user", async () => {
    const { lost, rules } = await holding();
    rules.PUT = gone;
    rules.GET = ({ url }) => (url.endsWith("?ownerId=me") ? [lock(9)] : []);
    await announce();
    assert.deepEqual(lost, ["window"]);
});

test("while it is found out why, nothing may be saved", async () => {
    const { held, lost, rules } = await holding();
    rules.PUT = gone;
    rules.GET = () => undefined;
    await announce();
    assert.equal(held.held, false);
    assert.deepEqual(lost, []);
    asked("GET")[0].answer(new TypeError("network"));
    await settle();
    assert.deepEqual(lost, ["gone"]);
});

test("another window's lock is looked for, not more", async () => {
    const { held, lost } = await holding();
    await announce();
    assert.equal(asked("PUT").length, 1);
    assert.equal(held.held, true);
    assert.deepEqual(lost, []);
});

test("without any answer the lease runs out", async () => {
    const { held, lost } = await holding({}, { PUT: () => undefined });
    await pass(LEASE - 1);
    assert.equal(held.held, true);
    assert.deepEqual(lost, []);
    await pass(2);
    assert.equal(held.held, false);
    assert.deepEqual(lost, ["expired"]);
    await pass(LEASE);
    assert.deepEqual(lost, ["expired"]);
    assert.equal(ownTimers(), 0);
});

test("a short one too, while an answer is waited for", async () => {
    const { lost } = await holding({}, {
        POST: () => lock(7, { expiresIn: 5_000 }), PUT: () => undefined });
    await pass(4_999);
    assert.deepEqual(lost, []);
    await pass(2);
    assert.deepEqual(lost, ["expired"]);
});

test("an outage during the lease is no loss, and no storm", async () => {
    const { held, lost, rules } = await holding({}, { PUT: () => down(1) });
    await pass(0.9 * LEASE);
    const tries = asked("PUT").length;
    assert.ok(tries >= 5 && tries < 20, `${tries} tries`);
    rules.PUT = () => lock(7);
    await pass(0.09 * LEASE);
    assert.deepEqual(lost, []);
    assert.ok(held.left > 0.9 * LEASE);
});

test("Retry-After is believed, within limits", async () => {
    const { rules } = await holding({}, { PUT: () => down(20) });
    await announce();
    const first = asked("PUT")[0].at;
    rules.PUT = () => down(86_400);
    await pass(150_000);
    const [, second, third] = asked("PUT").map(({ at }) => at);
    assert.ok(second - first >= 20_000 && second - first <= 30_001);
    assert.ok(third - second >= 60_000 && third - second <= 90_001);
});

test("a signed-out user's lock runs out", async () => {
    const { lost } = await holding({},
        { PUT: () => new Refusal(401, { message: "Invalid credentials" }) });
    await pass(LEASE - 1);
    assert.deepEqual(lost, []);
    await pass(2);
    assert.deepEqual(lost, ["expired"]);
});

/* ---- Visibility ---- */

test("hidden pages do not renew, and are told", async () => {
    const { lost } = await holding();
    await show(false);
    await pass(LEASE - 1);
    assert.equal(asked("PUT").length, 0);
    await pass(2);
    assert.equal(asked("PUT").length, 0);
    assert.deepEqual(lost, ["expired"]);
});

test("a page that appears renews at once", async () => {
    const { held, lost } = await holding();
    await show(false);
    await pass(0.9 * LEASE);
    await show(true);
    await pass(0);
    assert.equal(asked("PUT").length, 1);
    assert.ok(held.left > 0.99 * LEASE);
    await pass(LEASE / 2);
    assert.equal(asked("PUT").length, 2);
    assert.deepEqual(lost, []);
});

test("appearing again while a renewal is under way", async () => {
    const { held, rules } = await holding({}, { PUT: () => undefined });
    await announce();
    assert.equal(asked("PUT").length, 1);
    await show(false);
    assert.ok(asked("PUT")[0].signal.aborted);
    rules.PUT = () => lock(7);
    await show(true);
    await pass(1);
    assert.equal(asked("PUT").length, 2);
    assert.equal(held.held, true);
});

/* ---- Clocks ---- */

test("asleep past the lease: nothing may be saved, and it is told", async () => {
    const { held, lost, rules } = await holding();
    rules.PUT = gone;
    sleepComputer(2 * LEASE);
    assert.equal(held.held, false);
    await pass(1_000);
    assert.deepEqual(lost, ["gone"]);
});

test("asleep past the lease, and no network yet", async () => {
    const { held, lost, rules } = await holding();
    rules.PUT = () => new TypeError("network");
    sleepComputer(2 * LEASE);
    await pass(1_000);
    assert.equal(held.held, false);
    assert.deepEqual(lost, ["expired"]);
});

test("asleep for a part of the lease", async () => {
    const { held, lost } = await holding();
    sleepComputer(0.9 * LEASE);
    await pass(1_000);
    assert.equal(asked("PUT").length, 1);
    assert.ok(held.left > 0.99 * LEASE);
    assert.deepEqual(lost, []);
});

test("asleep while hidden", async () => {
    const { held, lost, rules } = await holding();
    rules.PUT = gone;
    await show(false);
    sleepComputer(2 * LEASE);
    await pass(1_000);
    assert.equal(held.held, false);
    assert.deepEqual(lost, ["gone"]);
});

test("a clock that is set on loses no lock", async () => {
    const { held, lost } = await holding();
    step(1e9);
    await pass(1_000);
    assert.equal(asked("PUT").length, 1);
    assert.equal(held.held, true);
    await pass(LEASE / 4);
    assert.equal(asked("PUT").length, 1);
    assert.deepEqual(lost, []);
});

test("a clock that is set back changes nothing", async () => {
    const { held, lost, rules } = await holding();
    step(-1e9);
    await pass(LEASE / 2);
    assert.equal(asked("PUT").length, 1);
    rules.PUT = () => down(1);
    step(-1e9);
    await pass(LEASE);
    assert.deepEqual(lost, ["expired"]);
    assert.equal(held.held, false);
});

/* ---- Releasing ---- */

test("release leaves nothing behind", async () => {
    const { held, lost } = await holding();
    await held.release();
    await held.release();
    assert.equal(asked("DELETE").length, 1);
    assert.equal(held.state, "released");
    assert.equal(ownTimers(), 0);
    assert.equal(channelsLeft(), 0);
    await pass(3 * LEASE);
    await show(true);
    assert.equal(requests.length, 2);
    assert.deepEqual(lost, []);
});

test("release while a renewal is under way", async () => {
    const { held, lost } = await holding({}, { PUT: () => undefined });
    await announce();
    const [put] = asked("PUT");
    assert.ok(!put.signal.aborted);
    const released = held.release();
    assert.equal(held.held, false);
    assert.ok(put.signal.aborted);
    put.answer(lock(7));
    await released;
    await pass(2 * LEASE);
    assert.equal(held.state, "released");
    assert.deepEqual(lost, []);
    assert.equal(ownTimers(), 0);
});

test("a release is tried again, and 404 is as good", async () => {
    const answers = [new TypeError("network"), down(1), gone()];
    const { held } = await holding({}, { DELETE: () => answers.shift() });
    const released = held.release();
    await pass(10_000);
    await released;
    assert.equal(asked("DELETE").length, 3);
});

test("a release that cannot be", async () => {
    const { held } = await holding({}, { DELETE: () => down(1) });
    const released = assert.rejects(held.release(), { status: 503 });
    await pass(120_000);
    await released;
    assert.equal(asked("DELETE").length, 5);
    assert.equal(ownTimers(), 0);
});

test("leaving the page releases, and is no loss", async () => {
    const { held, lost } = await holding();
    await leave(false);
    assert.equal(asked("DELETE")[0].keepalive, true);
    assert.equal(held.state, "released");
    assert.deepEqual(lost, []);
});

test("a page that the browser keeps knows what it left", async () => {
    const { held, lost } = await holding();
    await leave(true);
    assert.equal(asked("DELETE").length, 1);
    assert.equal(held.state, "left");
    assert.deepEqual(lost, ["left"]);
});

test("what onLost throws is the console's, and stops nothing", async () => {
    await holding({ onLost: () => { throw new Error("the page's own"); } });
    await leave(true);
    assert.deepEqual(thrown.map(({ message }) => message),
        ["the page's own"]);
    assert.equal(asked("DELETE").length, 1);
});
