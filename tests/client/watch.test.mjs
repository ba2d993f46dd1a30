// SPDX-License-Identifier: Apache-2.0
/* Watching a course: what is asked when, and when nothing is. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { lock, open, ownTimers, pass, Refusal, requests, serve, settle, show }
    from "./world.mjs";

const list = (locks, etag, more = {}) => new Refusal(200, locks,
    { ...(etag && { ETag: etag }), ...more });
const waited = { "Preference-Applied": "wait=30" };
const same = () => new Refusal(304, undefined, waited);

async function watching(answers, options = {}) {
    const client = await open();
    const seen = [];
    const errors = [];
    serve(answers);
    const stop = client.watch("course 1", (locks) =>
        seen.push(locks.map(({ id }) => id).join()),
    { onError: (error) => errors.push(error), ...options });
    await pass(0);
    return { seen, errors, stop };
}

test("the first list comes at once, then the server waits", async () => {
    const { seen, stop } = await watching(() =>
        (requests.length === 1 ? list([], '"a"') : undefined),
    { base: "/x", headers: { SID: "ben" } });
    assert.deepEqual(seen, [""]);
    assert.equal(requests[0].url, "/x?subject.courseId=course%201");
    assert.equal(requests[0].headers.SID, "ben");
    assert.ok(!("If-None-Match" in requests[0].headers));
    assert.ok(!("Prefer" in requests[0].headers));
    await pass(1_000);
    assert.equal(requests.length, 2);
    assert.equal(requests[1].headers["If-None-Match"], '"a"');
    assert.equal(requests[1].headers.Prefer, "wait=30");
    requests[1].answer(list([lock(7)], '"b"', waited));
    await settle();
    assert.deepEqual(seen, ["", "7"]);
    await pass(1_000);
    assert.equal(requests[2].headers["If-None-Match"], '"b"');
    stop();
    await settle();
    assert.ok(requests[2].signal.aborted);
    assert.equal(ownTimers(), 0);
});

test("what is the same is not told again", async () => {
    const { seen, errors, stop } = await watching(() => {
        if (requests.length === 1) {
            return list([], '"a"');
        }
        return requests.length < 4 ? same() : undefined;
    });
    await pass(5_000);
    assert.equal(requests.length, 4);
    assert.deepEqual([seen, errors], [[""], []]);
    stop();
});

test("a server that changes all the time is not stormed", async () => {
    let count = 0;
    const { stop } = await watching(() =>
        list([lock(++count)], `"${count}"`, waited));
    await pass(10_000);
    assert.ok(requests.length <= 35, `${requests.length} requests`);
    stop();
});

for (const [what, etag] of [["does not wait", '"a"'], ["has no ETag", ""]]) {
    test(`a server that ${what} is asked now and then`, async () => {
        const { stop } = await watching(() => list([], etag));
        await pass(60_000);
        assert.ok(requests.length >= 8 && requests.length <= 14,
            `${requests.length} requests`);
        stop();
    });
}

test("a hidden page asks seldom, and does not wait", async () => {
    const { stop } = await watching(({ headers }) =>
        (headers.Prefer ? undefined : list([], '"a"')));
    await pass(1_000);
    assert.equal(requests[1].headers.Prefer, "wait=30");
    await show(false);
    assert.ok(requests[1].signal.aborted);
    await pass(1);
    const before = requests.length;
    await pass(300_000);
    assert.ok(requests.length - before <= 10);
    assert.ok(requests.slice(2).every(({ headers }) => !headers.Prefer));
    const hidden = requests.length;
    await show(true);
    await pass(0);
    assert.equal(requests.length, hidden + 1);
    stop();
});

test("remaining times are asked for anew", async () => {
    const { seen, stop } = await watching(({ headers }) =>
        (headers["If-None-Match"] ? undefined
            : list([lock(7, { expiresIn: 20_000 })], '"a"')));
    await pass(1_000);
    assert.equal(requests[1].headers.Prefer, "wait=10");
    requests[1].answer(same());
    await pass(9_000);
    assert.ok(seen.length === 1);
    await pass(12_000);
    assert.ok(seen.length >= 2);
    assert.ok(requests.length < 15, `${requests.length} requests`);
    stop();
});

test("outages are told and outlasted", async () => {
    let up = false;
    const { seen, errors, stop } = await watching(() =>
        (up ? list([], '"a"') : new Refusal(503, { message: "down" },
            { "Retry-After": "1" })));
    await pass(120_000);
    assert.ok(requests.length >= 4 && requests.length <= 10,
        `${requests.length} requests`);
    assert.equal(errors.length, requests.length);
    assert.equal(errors[0].status, 503);
    up = true;
    await pass(45_000);
    assert.equal(seen[0], "");
    stop();
});

test("a refusal ends it", async () => {
    const { errors } = await watching(() =>
        new Refusal(403, { message: "Insufficient permissions" }));
    await pass(120_000);
    assert.equal(requests.length, 1);
    assert.equal(errors[0].status, 403);
    assert.equal(ownTimers(), 0);
});

test("a signal ends it", async () => {
    const stop = new AbortController();
    const { seen } = await watching(() =>
        (requests.length === 1 ? list([], '"a"') : undefined),
    { signal: stop.signal });
    await pass(1_000);
    stop.abort();
    requests[1].answer(list([lock(7)], '"b"', waited));
    await pass(120_000);
    assert.deepEqual(seen, [""]);
    assert.equal(requests.length, 2);
    assert.equal(ownTimers(), 0);
    await watching(() => list([], '"a"'), { signal: stop.signal });
    await pass(1_000);
    assert.equal(requests.length, 0);
});
