"use strict";
(() => {
	const data = JSON.parse(document.getElementById("data").textContent);
	const $ = (id) => document.getElementById(id);
	const svg = $("graph"), tip = $("tip"), card = $("card");
	const nodes = data.nodes.map((_, i) => $("n" + i));
	const edges = data.edges.map((_, i) => $("e" + i));
	const orders = data.order.map((_, i) => $("o" + i));
	const box = data.nodes.map((_, i) => {
		const r = nodes[i].querySelector("rect"), v = (k) => r[k].baseVal.value;
		return { x: v("x"), y: v("y"), w: v("width"), h: v("height") };
	});
	const into = data.nodes.map(() => []), outof = data.nodes.map(() => []), ordered = data.nodes.map(() => []);
	data.edges.forEach((e, i) => { outof[e.a].push(i); into[e.b].push(i); });
	data.order.forEach((e, i) => { ordered[e.a].push(i); ordered[e.b].push(i); });

	// Text never becomes markup: everything is made by these two.
	const el = (name, cls, ...children) => {
		const made = document.createElement(name);
		if (cls) made.className = cls;
		made.append(...children.filter((c) => c !== null && c !== ""));
		return made;
	};
	const condition = (e) => e.c ? el("span", e.h ? "holds" : "fails", " if " + e.c + (e.h ? " (holds)" : " (does not hold)")) : null;

	// --- the view
	const whole = svg.viewBox.baseVal, all = { x: 0, y: 0, w: whole.width, h: whole.height };
	let view = { ...all };
	const shown = () => { // what can be seen: the view box is fitted into the window
		const r = svg.getBoundingClientRect(), scale = Math.min(r.width / view.w, r.height / view.h);
		return { scale, left: r.left + (r.width - view.w * scale) / 2, top: r.top + (r.height - view.h * scale) / 2 };
	};
	const show = () => svg.setAttribute("viewBox", [view.x, view.y, view.w, view.h].join(" "));
	const zoom = (factor, px, py) => {
		const s = shown(), r = svg.getBoundingClientRect();
		const x = view.x + ((px ?? r.left + r.width / 2) - s.left) / s.scale, y = view.y + ((py ?? r.top + r.height / 2) - s.top) / s.scale;
		const f = Math.min(Math.max(factor, 40 / view.w), 4 * all.w / view.w);
		view = { x: x - (x - view.x) * f, y: y - (y - view.y) * f, w: view.w * f, h: view.h * f };
		show();
	};
	const fit = () => { view = { ...all }; show(); };
	const legible = () => { // start so near that names can be read, and no nearer
		const r = svg.getBoundingClientRect();
		const s = Math.min(r.width / all.w, r.height / all.h);
		if (s > 1.3) {
			view = { x: (all.w - r.width / 1.3) / 2, y: (all.h - r.height / 1.3) / 2, w: r.width / 1.3, h: r.height / 1.3 };
			show();
		}
		if (s >= 0.75) return;
		view = { x: 0, y: 0, w: r.width / 0.8, h: r.height / 0.8 };
		centre(data.goal >= 0 ? data.goal : Math.max(0, data.root), data.goal < 0);
	};
	const centre = (i, left) => {
		const b = box[i];
		view.x = left ? Math.max(0, b.x - 24) : b.x + b.w / 2 - view.w / 2;
		view.y = b.y + b.h / 2 - view.h / 2;
		show();
	};
	const visible = (i) => {
		const b = box[i];
		return b.x >= view.x && b.y >= view.y && b.x + b.w <= view.x + view.w && b.y + b.h <= view.y + view.h;
	};
	const reveal = (i) => { if (!visible(i)) centre(i); };

	svg.addEventListener("wheel", (ev) => {
		ev.preventDefault();
		zoom(Math.exp(Math.max(-60, Math.min(60, ev.deltaY)) * 0.004), ev.clientX, ev.clientY);
	}, { passive: false });
	const fingers = new Map();
	let moved = 0;
	svg.addEventListener("pointerdown", (ev) => { fingers.set(ev.pointerId, ev); moved = 0; });
	addEventListener("pointermove", (ev) => {
		const last = fingers.get(ev.pointerId);
		if (!last) return;
		const others = [...fingers.values()].filter((f) => f.pointerId !== ev.pointerId);
		if (others.length) {
			const d = (f) => Math.hypot(f.clientX - others[0].clientX, f.clientY - others[0].clientY) || 1;
			zoom(d(last) / d(ev), others[0].clientX, others[0].clientY);
		} else {
			const s = shown().scale;
			view.x -= (ev.clientX - last.clientX) / s;
			view.y -= (ev.clientY - last.clientY) / s;
			moved += Math.abs(ev.clientX - last.clientX) + Math.abs(ev.clientY - last.clientY);
			if (moved > 4) svg.classList.add("dragging");
			show();
		}
		fingers.set(ev.pointerId, ev);
	});
	const lift = (ev) => { fingers.delete(ev.pointerId); svg.classList.remove("dragging"); };
	addEventListener("pointerup", lift);
	addEventListener("pointercancel", lift);

	// --- what is told about a node or an edge
	const summary = (i) => {
		const n = data.nodes[i];
		return [
			el("b", "", n.n), el("div", "", (n.g ? "roll " + n.g + " · " : "") + (n.o ? "number " + n.o + " of the profile" : n.s)),
			n.p ? el("div", "small", n.p) : null, ...(n.f || []).map((f) => el("div", "small", f)),
		];
	};
	const edgeLine = (i) => {
		const e = data.edges[i];
		return [el("b", "", data.nodes[e.a].n + " → " + data.nodes[e.b].n), el("div", "", condition(e) || "no condition"),
			...(e.p || []).map((p) => el("div", "small", p))];
	};
	const go = (i) => {
		const b = el("button", "go", data.nodes[i].n);
		b.addEventListener("click", () => { choose(i); centre(i); nodes[i].focus({ preventScroll: true }); });
		return b;
	};
	const list = (title, items, name = "ul") => items.length ? [el("h3", "", title), el(name, "", ...items)] : [];
	const places = (e) => e.p ? el("div", "small", e.p.join(", ")) : null;
	const way = (i) => {
		const found = [];
		for (let v = data.nodes[i].v; v >= 0; v = data.nodes[data.edges[v].a].v) found.unshift(v);
		return found;
	};
	const tell = (i) => {
		const close = el("button", "close", "×");
		close.setAttribute("aria-label", "Close");
		close.addEventListener("click", clear);
		const steps = way(i);
		const none = !steps.length && i !== data.root;
		card.replaceChildren(el("h2", "", data.nodes[i].n), close, ...summary(i).slice(1).filter(Boolean),
			...(none ? [el("h3", "", "No way leads here")] : list("The way to it", [data.root >= 0 ? el("li", "", go(data.root)) : null,
				...steps.map((v) => el("li", "", go(data.edges[v].b), condition(data.edges[v]), places(data.edges[v])))], "ol")),
			...list("Comes in by", into[i].map((v) => el("li", "", go(data.edges[v].a), condition(data.edges[v]), places(data.edges[v])))),
			...list("Brings in", outof[i].map((v) => el("li", "", go(data.edges[v].b), condition(data.edges[v])))),
			...list("Has to come before", ordered[i].filter((o) => data.order[o].a === i).map((o) => el("li", "", go(data.order[o].b), places(data.order[o])))),
			...list("Has to come after", ordered[i].filter((o) => data.order[o].b === i).map((o) => el("li", "", go(data.order[o].a), places(data.order[o])))));
		card.hidden = false;
	};

	// --- light
	const near = (i, on) => {
		nodes[i].classList.toggle("near", on);
		[...into[i], ...outof[i]].forEach((e) => edges[e].classList.toggle("near", on));
		ordered[i].forEach((o) => orders[o].classList.toggle("near", on));
	};
	const light = (i) => {
		document.querySelectorAll("#graph .lit").forEach((x) => { if (!x.closest("defs")) x.classList.remove("lit"); });
		edges.forEach((e, k) => mark(e, data.edges[k].h ? "open" : "shut"));
		svg.classList.toggle("lighting", i >= 0);
		if (i < 0) return;
		nodes[i].classList.add("lit");
		way(i).forEach((e) => {
			edges[e].classList.add("lit");
			mark(edges[e], "lit");
			nodes[data.edges[e].a].classList.add("lit");
		});
	};
	const mark = (edge, kind) => edge.querySelector(".line").setAttribute("marker-end", `url(#tip-${kind})`);
	let chosen = -1;
	const rove = (i) => {
		nodes.forEach((n, k) => n.setAttribute("tabindex", k === i ? "0" : "-1"));
	};
	const choose = (i) => { chosen = i; light(i); tell(i); rove(i); };
	const clear = () => { chosen = -1; light(-1); card.hidden = true; filter("", -1); };

	const target = (ev) => ev.target.closest ? ev.target.closest("#graph .n, #graph .e") : null;
	const number = (t) => Number(t.id.slice(1));
	let over = -1;
	svg.addEventListener("pointermove", (ev) => {
		const t = target(ev);
		if (over >= 0) near(over, false);
		over = t && t.id[0] === "n" ? number(t) : -1;
		if (over >= 0) near(over, true);
		tip.hidden = !t || fingers.size > 0;
		if (tip.hidden) return;
		tip.replaceChildren(...(t.id[0] === "n" ? summary(over) : edgeLine(number(t))).filter(Boolean));
		const r = tip.getBoundingClientRect();
		tip.style.left = Math.max(4, Math.min(ev.clientX + 14, innerWidth - r.width - 6)) + "px";
		tip.style.top = (ev.clientY + 18 + r.height > innerHeight ? Math.max(4, ev.clientY - r.height - 10) : ev.clientY + 18) + "px";
	});
	svg.addEventListener("pointerleave", () => { tip.hidden = true; if (over >= 0) near(over, false); over = -1; });
	svg.addEventListener("click", (ev) => {
		const t = target(ev);
		if (moved > 4) return;
		if (t) choose(t.id[0] === "n" ? number(t) : data.edges[number(t)].b);
	});
	svg.addEventListener("focusin", (ev) => {
		const t = target(ev);
		if (t) { near(number(t), true); reveal(number(t)); }
	});
	svg.addEventListener("focusout", (ev) => { const t = target(ev); if (t) near(number(t), false); });

	// --- search and rolls
	let matches = [], next = 0;
	const filter = (text, roll) => {
		const words = text.toLowerCase().split(/\s+/).filter(Boolean);
		const on = words.length > 0 || roll >= 0;
		matches = [];
		data.nodes.forEach((n, i) => {
			const about = (n.n + " " + n.g + " " + (n.p || "")).toLowerCase();
			const hit = on && (roll < 0 || n.r === roll) && words.every((w) => about.includes(w));
			nodes[i].classList.toggle("match", hit);
			if (hit) matches.push(i);
		});
		next = 0;
		svg.classList.toggle("filtered", on);
		$("found").textContent = words.length ? matches.length + (matches.length === 1 ? " node" : " nodes") : "";
		if (!words.length) $("search").value = "";
		document.querySelectorAll(".rolls button").forEach((b) => b.setAttribute("aria-pressed", String(Number(b.dataset.roll) === roll)));
	};
	$("search").addEventListener("input", (ev) => {
		filter(ev.target.value, -1);
		if (matches.length) reveal(matches[0]);
	});
	$("search").addEventListener("keydown", (ev) => {
		if (ev.key === "Enter" && matches.length) { const i = matches[next++ % matches.length]; choose(i); centre(i); }
		if (ev.key === "Escape") { clear(); ev.target.blur(); }
		ev.stopPropagation();
	});
	document.querySelectorAll(".rolls button").forEach((b) => b.addEventListener("click", () => {
		filter("", b.getAttribute("aria-pressed") === "true" ? -1 : Number(b.dataset.roll));
		if (matches.length && !matches.some(visible)) fit();
	}));

	// --- buttons and keys
	const toggleOrder = () => {
		const on = svg.classList.toggle("ordered");
		$("order").setAttribute("aria-pressed", String(on));
	};
	const toggleTheme = () => {
		const root = document.documentElement;
		const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme:dark)").matches;
		root.dataset.theme = dark ? "light" : "dark";
	};
	$("in").addEventListener("click", () => zoom(0.75));
	$("out").addEventListener("click", () => zoom(1 / 0.75));
	$("fit").addEventListener("click", fit);
	$("order").addEventListener("click", toggleOrder);
	$("theme").addEventListener("click", toggleTheme);
	const step = (i, key) => { // the node to which an arrow leads
		if (key === "ArrowLeft") {
			const from = data.nodes[i].v >= 0 ? data.nodes[i].v : into[i][0];
			return from === undefined ? i : data.edges[from].a;
		}
		if (key === "ArrowRight") {
			const to = outof[i].map((e) => data.edges[e].b).filter((k) => k !== i).sort((a, b) => Math.abs(box[a].y - box[i].y) - Math.abs(box[b].y - box[i].y));
			return to.length ? to[0] : i;
		}
		const down = key === "ArrowDown" ? 1 : -1;
		let best = i;
		box.forEach((b, k) => {
			const d = (b.y - box[i].y) * down;
			if (b.x === box[i].x && d > 0 && (best === i || d < (box[best].y - box[i].y) * down)) best = k;
		});
		return best;
	};
	addEventListener("keydown", (ev) => {
		if (ev.ctrlKey || ev.metaKey || ev.altKey || /^(INPUT|SELECT|TEXTAREA)$/.test(ev.target.tagName)) return;
		const at = ev.target.closest ? ev.target.closest("#graph .n") : null;
		if (/^Arrow/.test(ev.key) && (at || ev.target === svg)) {
			const i = at ? step(number(at), ev.key) : Math.max(0, chosen >= 0 ? chosen : data.root);
			rove(i);
			nodes[i].focus({ preventScroll: true });
		} else if ((ev.key === "Enter" || ev.key === " ") && at) choose(number(at));
		else if (ev.key === "+" || ev.key === "=") zoom(0.75);
		else if (ev.key === "-") zoom(1 / 0.75);
		else if (ev.key === "0") fit();
		else if (ev.key === "o") toggleOrder();
		else if (ev.key === "/") $("search").focus();
		else if (ev.key === "Escape") clear();
		else return;
		ev.preventDefault();
	});

	if ($("order").getAttribute("aria-pressed") === "true") svg.classList.add("ordered");
	if (nodes.length) {
		rove(Math.max(0, data.goal >= 0 ? data.goal : data.root));
		legible();
	}
	if (data.goal >= 0) choose(data.goal);
})();
