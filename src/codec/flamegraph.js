// SPDX-License-Identifier: MIT
// flamegraph.js - what makes the SVG of flamegraph.c answer to mouse and keyboard.
//
// The picture is drawn twice: once by the C side as plain shapes, for viewers without scripts, and once
// here from the numbers in #pv-data, for the width there is. Nodes come in pre-order, so node i's subtree
// is i to end[i] - 1 and every array below is indexed by node.
"use strict";
(() => {
const XHTML = "http://www.w3.org/1999/xhtml", SVG = "http://www.w3.org/2000/svg";
const ROW = 17, NARROW = 0.4, TEXT_FROM = 22, PAD = 8;
const root = document.documentElement.localName === "svg" ? document.documentElement
    : document.currentScript.closest("svg");
const find = id => root.querySelector("#" + id);
const data = JSON.parse(find("pv-data").textContent);
const frames = data.frames, total = data.nodes.total, self = data.nodes.self, frameOf = data.nodes.frame;
const count = total.length;
const parent = new Int32Array(count), depth = new Int32Array(count), end = new Int32Array(count);
const start = new Float64Array(count);

let zoomed = 0, cursor = 0, upright = false, pattern = null, matches = null;
let drawn = new Map(); // node → {x, width}
let rows = []; // level → its drawn nodes from left to right

function link() {
    const open = [], next = [];
    for (let i = 0; i < count; i++) {
        const level = i ? depth[i - 1] + 1 - data.nodes.up[i] : 0;
        while (open.length > level)
            end[open.pop()] = i;
        depth[i] = level;
        parent[i] = level ? open[level - 1] : -1;
        start[i] = level ? next[level] : 0;
        next[level] = start[i] + total[i];
        next[level + 1] = start[i];
        open.push(i);
    }
    while (open.length)
        end[open.pop()] = count;
}

// Words

const percent = (part, whole) => whole ? (100 * part / whole).toFixed(part === whole ? 0 : 2) + " %" : "–";

function amount(value) {
    if (data.unit === "samples")
        return value.toLocaleString("en") + (value === 1 ? " sample" : " samples");
    const s = value / 1e6;
    return s >= 1 ? s.toFixed(2) + " s" : s >= 1e-3 ? (s * 1e3).toFixed(2) + " ms" : value + " µs";
}

function label(i) {
    if (i === 0)
        return "all";
    const f = frameOf[i], file = data.strings[frames.file[f]], line = frames.line[f];
    return data.strings[frames.name[f]] + (file ? ` (${file}${line ? ":" + line : ""})` : "");
}

// A value of a difference: a share, or seconds or samples per something.
function measured(value) {
    if (data.change === "share")
        return percent(value, 1);
    if (!data.change.startsWith("s/"))
        return String(value);
    return value >= 1 || !value ? value.toFixed(2) + " s" : value >= 1e-3 ? (value * 1e3).toFixed(2) + " ms"
        : (value * 1e6).toFixed(2) + " µs";
}

function changeFacts(i) {
    const before = data.nodes.before[i], after = data.nodes.after[i], heat = data.nodes.heat[i];
    const relative = before && after ? ` (${after > before ? "+" : ""}${(100 * (after / before - 1)).toFixed(0)} %)`
        : before ? " (gone)" : after ? " (new)" : "";
    return [`before ${measured(before)}, after ${measured(after)}${relative}`,
        heat > 0 ? "slower" : heat < 0 ? "faster" : "no finding: within noise, or too small to test"];
}

function facts(i) {
    if (data.change)
        return changeFacts(i);
    const lines = [`${amount(total[i])}, ${percent(total[i], total[0])} of all`];
    if (i && parent[i])
        lines.push(`${percent(total[i], total[parent[i]])} of its caller`);
    lines.push(self[i] ? `itself ${amount(self[i])}, ${percent(self[i], total[0])}` : "nothing by itself");
    return lines;
}

// As much of the text as fits; characters of the far east are two wide.
function clip(text, room) {
    let used = 0, kept = "";
    for (const c of text) {
        used += c.codePointAt(0) >= 0x1100 ? 2 : 1;
        if (used > room)
            return kept.slice(0, -1) + "…";
        kept += c;
    }
    return kept;
}

// Drawing

function element(name, attributes, inside) {
    const made = document.createElementNS(SVG, name);
    for (const key in attributes)
        made.setAttribute(key, attributes[key]);
    if (inside !== undefined)
        made.append(inside);
    return made;
}

const rowOf = level => upright ? data.top + (data.levels - 1 - level) * ROW : data.top + level * ROW;
const viewWidth = () => Math.max(200, (root.clientWidth || window.innerWidth) - 2 * PAD);

function classOf(i, above) {
    const kind = data.change ? "h" + (data.nodes.heat[i] + 4) : i ? frames.color[frameOf[i]] : "kt";
    return ["f", kind, above ? "above" : "", matches && matches[i] ? "match" : ""].filter(Boolean).join(" ");
}

// A frame with room for text is an element of its own; all narrow ones of a colour are one path.
function draw(into, i, x, width, above) {
    const y = rowOf(depth[i]), height = ROW - 1, names = classOf(i, above);
    drawn.set(i, {x, width});
    (rows[depth[i]] ??= []).push(i);
    if (width < TEXT_FROM) {
        const w = Math.max(width - (width > 2 ? 0.5 : 0), 0.3).toFixed(2);
        into.narrow[names] = (into.narrow[names] ?? "") + `M${x.toFixed(2)} ${y}h${w}v${height}h-${w}z`;
        return;
    }
    const made = element("svg", {x, y, width: width - 0.5, height});
    made.append(element("rect", {width: "100%", height: "100%", class: names}),
        element("text", {x: 3, y: 12}, clip(label(i), Math.floor((width - 6) / data.letter))));
    into.append(made);
}

// Everything of i's subtree that is wide enough; what is not becomes one grey piece per caller.
function drawBelow(into, from, scale) {
    const at = i => PAD + (start[i] - start[from]) * scale;
    for (let i = from + 1; i < end[from];) {
        const width = total[i] * scale;
        if (width >= NARROW) {
            draw(into, i, at(i), width, false);
            i++;
            continue;
        }
        const up = parent[i], rest = (start[up] + total[up] - self[up] - start[i]) * scale;
        if (rest >= NARROW)
            into.append(element("rect", {x: at(i), y: rowOf(depth[i]), width: rest, height: ROW - 1, class: "rest"}));
        i = end[up];
    }
}

function render() {
    const fresh = element("g", {id: "pv-view"});
    const width = viewWidth();
    fresh.narrow = {};
    drawn = new Map();
    rows = [];
    for (let i = parent[zoomed]; i >= 0; i = parent[i])
        draw(fresh, i, PAD, width, true);
    draw(fresh, zoomed, PAD, width, false);
    drawBelow(fresh, zoomed, total[zoomed] ? width / total[zoomed] : 0);
    for (const names in fresh.narrow)
        fresh.append(element("path", {d: fresh.narrow[names], class: names}));
    (find("pv-view") || find("pv-static")).replaceWith(fresh);
    mark(cursor, false);
    report();
}

// Zoom, cursor, search

function zoom(i) {
    zoomed = i;
    cursor = i;
    render();
    mark(i, true);
    show(i);
}

// The frame that the keyboard is on: an outline above it, which has the focus.
function mark(i, focus) {
    const place = drawn.get(i);
    find("pv-cursor")?.remove();
    if (!place)
        return;
    const made = element("rect", {id: "pv-cursor", class: "cursor", x: place.x, y: rowOf(depth[i]),
        width: Math.max(place.width - 0.5, 2), height: ROW - 1, tabindex: 0, role: "button",
        "aria-label": label(i) + ": " + facts(i).join("; ")});
    find("pv-view").append(made);
    if (focus) {
        made.focus({preventScroll: true});
        made.scrollIntoView({block: "nearest"});
    }
}

function step(to) {
    if (to === undefined || to < 0 || !drawn.has(to))
        return;
    cursor = to;
    mark(to, true);
    show(to);
}

function child(i) {
    return i + 1 < end[i] ? i + 1 : -1;
}

function beside(i, direction) {
    const row = rows[depth[i]];
    return row[row.indexOf(i) + direction];
}

function search(text) {
    pattern = null;
    matches = null;
    find("pv-search").classList.remove("bad");
    if (text) {
        try {
            pattern = new RegExp(text, text === text.toLowerCase() ? "i" : "");
        } catch {
            find("pv-search").classList.add("bad");
        }
    }
    if (pattern) {
        const hit = frames.name.map((_, f) => pattern.test(plain(f)));
        matches = Uint8Array.from(frameOf, (f, i) => i && hit[f] ? 1 : 0);
    }
    render();
}

function plain(f) {
    return data.strings[frames.name[f]] + " " + data.strings[frames.path[f] || frames.file[f]] + ":" + frames.line[f];
}

// Frames inside a matching frame are not counted again.
function matchedValue() {
    let sum = 0;
    for (let i = zoomed; i < end[zoomed];) {
        if (matches[i]) {
            sum += total[i];
            i = end[i];
        } else {
            i++;
        }
    }
    return sum;
}

function nextMatch(direction) {
    if (!matches)
        return;
    const nodes = [...drawn.keys()].filter(i => matches[i]).sort((a, b) => a - b);
    if (!nodes.length)
        return;
    const after = direction > 0 ? nodes.find(i => i > cursor) : nodes.filter(i => i < cursor).pop();
    step(after ?? (direction > 0 ? nodes[0] : nodes[nodes.length - 1]));
}

function report() {
    find("pv-matched").textContent = pattern
        ? `${percent(matchedValue(), total[zoomed])} matched` : "";
    find("pv-reset").disabled = zoomed === 0 && !pattern;
    find("pv-turn").textContent = upright ? "icicle" : "flame";
}

// Tooltip

function show(i, event) {
    const tip = find("pv-tip"), box = tip.firstElementChild;
    const head = document.createElementNS(XHTML, "b");
    head.textContent = i ? data.strings[frames.name[frameOf[i]]] : "all";
    const lines = facts(i);
    if (i) {
        const f = frameOf[i], path = data.strings[frames.path[f] || frames.file[f]];
        if (path)
            lines.unshift(path + (frames.line[f] ? ":" + frames.line[f] : ""));
    }
    box.replaceChildren(head, ...lines.flatMap(text => [document.createElementNS(XHTML, "br"), text]));
    tip.style.display = "";
    const frame = root.getBoundingClientRect(), place = drawn.get(i), top = frame.top + rowOf(depth[i]);
    const x = event ? event.clientX + 12 : frame.left + place.x + 8;
    const y = event ? event.clientY + 16 : top + ROW + 3;
    const tall = box.offsetHeight, wide = box.offsetWidth;
    const fitsBelow = y + tall < window.innerHeight;
    tip.setAttribute("x", Math.max(4, Math.min(x, window.innerWidth - wide - 8)) - frame.left);
    tip.setAttribute("y", (fitsBelow ? y : Math.max(4, (event ? event.clientY - 8 : top - 4) - tall)) - frame.top);
}

const hide = () => { find("pv-tip").style.display = "none"; };

// Events

function nodeAt(event) {
    if (event.target.closest("#pv-bar"))
        return -1;
    const frame = root.getBoundingClientRect(), x = event.clientX - frame.left;
    const row = Math.floor((event.clientY - frame.top - data.top) / ROW);
    const nodes = rows[upright ? data.levels - 1 - row : row] ?? [];
    let low = 0, high = nodes.length; // the last that begins at or left of x
    while (low < high) {
        const middle = (low + high) >> 1;
        if (drawn.get(nodes[middle]).x <= x)
            low = middle + 1;
        else
            high = middle;
    }
    const place = low ? drawn.get(nodes[low - 1]) : undefined;
    return place && x < place.x + place.width ? nodes[low - 1] : -1;
}

function reset() {
    find("pv-search").value = "";
    search("");
    zoom(0);
    hide();
}

const keys = {
    ArrowDown: () => step(upright ? parent[cursor] : child(cursor)),
    ArrowUp: () => step(upright ? child(cursor) : parent[cursor]),
    ArrowLeft: () => step(beside(cursor, -1)),
    ArrowRight: () => step(beside(cursor, 1)),
    Enter: () => zoom(cursor),
    " ": () => zoom(cursor),
    Backspace: () => zoom(Math.max(parent[zoomed], 0)),
    Escape: () => reset(),
    Home: () => step(zoomed),
    "/": () => find("pv-search").focus(),
    n: () => nextMatch(1),
    N: () => nextMatch(-1),
    i: () => turn(),
};

function turn() {
    upright = !upright;
    hide();
    render();
    window.scrollTo(0, upright ? root.clientHeight : 0);
}

function onKey(event) {
    const box = find("pv-search");
    if ((event.ctrlKey || event.metaKey) && event.key === "f" && document.activeElement !== box) {
        event.preventDefault();
        box.focus();
        box.select();
        return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey)
        return;
    if (document.activeElement === box) {
        if (event.key === "Escape" || event.key === "Enter") {
            box.blur();
            if (event.key === "Escape")
                reset();
            else
                nextMatch(1);
        }
        return;
    }
    if (document.activeElement && document.activeElement.localName === "button" && (event.key === "Enter" || event.key === " "))
        return;
    if (keys[event.key]) {
        event.preventDefault();
        keys[event.key]();
    }
}

// The bar stays at the top of the window when a deep graph is scrolled.
function place() {
    const bar = find("pv-bar");
    bar.setAttribute("y", Math.max(0, -root.getBoundingClientRect().top) + data.bar);
    bar.setAttribute("width", viewWidth());
}

function measure() {
    const probe = element("text", {}, "0123456789abcdefghij");
    root.append(probe);
    data.letter = probe.getComputedTextLength() / 20 || 7;
    probe.remove();
}

link();
measure();
find("pv-bar").style.display = "";
place();
render();
root.addEventListener("mousemove", event => {
    const i = nodeAt(event);
    if (i < 0)
        hide();
    else
        show(i, event);
});
root.addEventListener("mouseleave", hide);
root.addEventListener("click", event => {
    const i = nodeAt(event);
    if (i >= 0)
        zoom(i);
});
window.addEventListener("keydown", onKey);
window.addEventListener("scroll", () => { place(); hide(); });
window.addEventListener("resize", () => { place(); hide(); render(); });
let pause;
find("pv-search").addEventListener("input", event => {
    clearTimeout(pause);
    pause = setTimeout(() => search(event.target.value), 80);
});
find("pv-reset").addEventListener("click", reset);
find("pv-turn").addEventListener("click", turn);
})();
