/* SPDX-License-Identifier: Apache-2.0 */
/* Loads the page anew now and then, and makes what is shown what is new. What
 * stays the same is left alone: focus, selection, scrolling, and what is being
 * typed. */
const PERIOD = 5000;
const SLOWEST = 60000;
const place = document.getElementById("refresh");
const keyOf = (node) => node.dataset?.key;
const isSame = (one, other) =>
    one.nodeName === other.nodeName && keyOf(one) === keyOf(other);
let period = PERIOD;
let paused = false;
let timer;

function drop(node) {
    const next = node.nextSibling;
    node.remove();
    return next;
}

/* The children come in the same order each time, so that one with a key is
 * either ahead or new. */
function mergeChildren(old, now) {
    let at = old.firstChild;
    for (const child of [...now.childNodes]) {
        if (keyOf(child)) {
            const twin = [...old.childNodes].find((one) => isSame(one, child));
            while (twin && at && at !== twin) {
                at = drop(at);
            }
        }
        if (at && isSame(at, child)) {
            merge(at, child);
            at = at.nextSibling;
        } else {
            old.insertBefore(child, at);
        }
    }
    while (at) {
        at = drop(at);
    }
}

function merge(old, now) {
    if (old.nodeType !== Node.ELEMENT_NODE) {
        if (old.data !== now.data) {
            old.data = now.data;
        }
        return;
    }
    for (const { name } of [...old.attributes]) {
        if (!now.hasAttribute(name)) {
            old.removeAttribute(name);
        }
    }
    for (const { name, value } of now.attributes) {
        if (old.getAttribute(name) !== value) {
            old.setAttribute(name, value);
        }
    }
    mergeChildren(old, now);
}

/* Without its head: a style there has another nonce than this page allows,
 * and the browser would complain of it each time. */
function bodyOf(text) {
    return new DOMParser().parseFromString(
        text.slice(text.indexOf("<body>")),
        "text/html",
    );
}

function show(page) {
    const parts = [...document.querySelectorAll("[id^=live-]")];
    if (!parts.every((part) => page.getElementById(part.id))) {
        throw new Error("the server answered with another page");
    }
    for (const part of parts) {
        merge(part, page.getElementById(part.id));
    }
}

/* Told once, not each time that it fails again. */
function tell(text) {
    if (note.textContent !== text) {
        note.textContent = text;
    }
}

async function refresh() {
    try {
        const answer = await fetch(location.href, {
            cache: "no-store",
            signal: AbortSignal.timeout(SLOWEST),
        });
        if (!answer.ok) {
            throw new Error(`${answer.status} ${answer.statusText}`);
        }
        const text = await answer.text();
        if (!paused) {
            show(bodyOf(text));
        }
        period = PERIOD;
        tell("");
    } catch (error) {
        period = Math.min(period * 2, SLOWEST);
        tell(`Not up to date: ${error.message}`);
    }
}

function plan(wait) {
    clearTimeout(timer);
    if (!paused && !document.hidden) {
        timer = setTimeout(async () => {
            await refresh();
            plan(period);
        }, wait);
    }
}

const button = document.createElement("button");
button.type = "button";
button.textContent = "Pause updates";
button.addEventListener("click", () => {
    paused = !paused;
    button.textContent = paused ? "Resume updates" : "Pause updates";
    plan(0);
});
const note = document.createElement("span");
note.setAttribute("role", "status");
note.className = "bad";
if (place) {
    /* What was broken is told once, not when the page is loaded again. */
    const url = new URL(location);
    if (url.searchParams.has("broken")) {
        url.searchParams.delete("broken");
        history.replaceState(null, "", url);
    }
    place.append(button, " ", note);
    document.addEventListener("visibilitychange", () => plan(0));
    plan(period);
}
