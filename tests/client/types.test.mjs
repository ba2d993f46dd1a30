// SPDX-License-Identifier: Apache-2.0
/* What is shipped is small and is made of the source, whose types are right.
 * The latter two need tools that not everybody has: npm's typescript, from 5.6
 * on, and Debian 12's terser, whose next version may write the same in other
 * words. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const www = new URL("../../conf/www/", import.meta.url);
const path = (name) => fileURLToPath(new URL(name, www));

/** The version of a tool, or nothing if it is not there. */
function version(tool) {
    const answer = spawnSync(tool, ["--version"], { encoding: "utf8" });
    return answer.status === 0 ? answer.stdout.match(/[0-9]+\.[0-9]+/)[0] : "";
}

test("it is small", () => {
    const { length } = readFileSync(path("locks.js"));
    assert.ok(length > 0 && length < 5000, `${length} bytes`);
});

test("nobody forgot to make it anew", () => {
    assert.equal(version(process.env.TERSER ?? "terser"), "5.16",
        "this needs terser 5.16, which Debian 12 has; TERSER says where it is");
    const made = spawnSync("sh", [path("shrink.sh")], { encoding: "utf8" });
    assert.equal(made.status, 0, made.stderr);
    assert.equal(made.stdout, readFileSync(path("locks.js"), "utf8"));
});

test("its types are right", () => {
    const tsc = process.env.TSC ?? "tsc";
    assert.ok(Number(version(tsc)) >= 5.6, "this needs tsc from 5.6 on, which"
        + " knows AbortSignal.any: npm install typescript; TSC says where it is");
    const found = spawnSync(tsc, ["--noEmit", "--allowJs", "--checkJs",
        "--strict", "--target", "es2022", "--module", "es2022", "--typeRoots", path("."),
        "--lib", "es2022,dom,dom.iterable", path("locks.src.js")],
    { encoding: "utf8" });
    assert.equal(found.status, 0, found.stdout + found.stderr);
});
