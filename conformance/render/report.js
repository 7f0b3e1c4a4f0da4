"use strict";
// Fills the page from the data in it: the filter, the matrix, the list of jobs, and one job at a time.
// Text from cases and runners only ever becomes text nodes.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const $ = (id) => document.getElementById(id);
  const HOLDING = ["ok", "known", "new"];
  const FAILING = ["mismatch", "crash", "timeout", "error", "unsupported", "not_run"];
  const ROWS = 60; // table rows that are added at a time
  const LIST = 60; // list entries that are added at a time

  // ---------------------------------------------------------------- records

  const record = (fields, row, from) => Object.fromEntries(fields.map((name, i) => [name, data.values[row[from + i] || 0]]));
  const columns = data.columns.map(([runner, variant, control], index) => ({ index, runner, variant, control }));
  const cases = data.cases.map((row, index) => {
    const cut = row[0].lastIndexOf("/");
    const case_ = record(data.case_fields, row, 1);
    return Object.assign(case_, { index, id: row[0], file: row[0].slice(0, cut), name: row[0].slice(cut + 1), cells: new Array(columns.length) });
  });
  const jobs = data.jobs.map((row) => {
    const job = record(data.job_fields, row, 2);
    return Object.assign(job, { case: cases[row[0]], column: columns[row[1]], causes: job.causes || [] });
  });
  const notable = jobs.length;
  data.rows.forEach((row, index) => {
    for (let column = 0; column < row.length; column++) {
      if (row[column] === "m") jobs.push({ case: cases[index], column: columns[column], verdict: "match", gate: "ok", causes: [] });
    }
  });
  const named = new Map();
  jobs.forEach((job, order) => {
    job.order = order;
    job.where = `${job.column.runner}/${job.column.variant}`;
    job.name = `${job.case.id}|${job.column.runner}|${job.column.variant}`;
    job.case.cells[job.column.index] = job;
    named.set(job.name, job);
  });

  const holds = (job) => HOLDING.includes(job.gate);
  const sentence = (job) => job.line || [job.evidence, job.differs].filter(Boolean).join("; ") || (job.verdict === "match" ? "equals the reference" : job.causes.join(", "));
  const by = (sizes) => (sizes || []).join("x");
  const padding = (case_) => (typeof case_.padding === "string" ? case_.padding : case_.padding.map(([b, e]) => `${b}.${e}`).join("x"));
  const href = (job) => "#job=" + job.name.split("|").map(encodeURIComponent).join("|").replaceAll("%2F", "/");

  function configuration(c) {
    const parts = [`${c.op} ${by(c.input)}`, `k ${by(c.kernel)}`, `s ${by(c.stride)}`, `d ${by(c.dilation)}`, `padding ${padding(c)}`, `${c.channels}→${c.filters}`];
    if (c.output_padding) parts.push(`output padding ${by(c.output_padding)}`);
    if (c.output_shape) parts.push(`output ${by(c.output_shape)}`);
    if (c.ceil_mode) parts.push("ceil");
    if (c.count_include_pad) parts.push("padding counted");
    if (c.spec) parts.push("by " + c.spec);
    if (c.groups > 1) parts.push(`groups ${c.groups}`);
    if (c.bias) parts.push("bias");
    if (c.batch > 1) parts.push(`batch ${c.batch}`);
    if (c.dtype !== "float32") parts.push(c.dtype);
    return parts.join(" · ");
  }

  // ---------------------------------------------------------------- elements

  function el(tag, attributes, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) {
      if (value === true) element.setAttribute(name, "");
      else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
    }
    element.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
    return element;
  }

  const badge = (verdict) => el("span", { class: `badge ${verdict}` }, `${data.verdicts[verdict][0]} ${verdict}`);
  const gateWord = (job) => el("span", { class: holds(job) ? "gate-word" : "gate-word breaks" }, job.gate);

  // ---------------------------------------------------------------- filter

  const glob = (text, whole) => {
    const source = text.replace(/[.+?^${}()|[\]\\]/g, "\\$&").replace(/\*/g, ".*");
    return new RegExp(whole ? `^(?:${source})$` : source, "is");
  };
  const sizes = (values) => (values && values.every((value) => value === values[0]) ? [by(values), String(values[0])] : [by(values)]);
  const FIELDS = {
    runner: (job) => [job.column.runner, job.where],
    variant: (job) => [job.column.variant],
    verdict: (job) => [job.verdict],
    cause: (job) => job.causes,
    gate: (job) => [job.gate],
    case: (job) => [job.case.id, job.case.name],
    file: (job) => [job.case.file],
    op: (job) => [job.case.op],
    dtype: (job) => [job.case.dtype],
    tag: (job) => job.case.tags || [],
    padding: (job) => [padding(job.case)],
    i: (job) => sizes(job.case.input),
    k: (job) => sizes(job.case.kernel),
    s: (job) => sizes(job.case.stride),
    d: (job) => sizes(job.case.dilation),
  };
  const haystack = (job) =>
    (job.text ??= [job.case.id, job.where, job.verdict, job.gate, job.causes.join(" "), sentence(job), job.code, job.message, job.reason,
      job.case.title, job.case.note, job.case.source, job.column.control].filter(Boolean).join("\n"));

  function terms(query) {
    return (query.match(/-?(?:\w+:)?(?:"[^"]*"|\S)+/g) || []).map((token) => {
      const [, minus, field, rest] = /^(-?)(?:(\w+):)?(.*)$/s.exec(token);
      const unquoted = rest.replaceAll('"', "");
      if (field && Object.hasOwn(FIELDS, field)) {
        const pattern = glob(unquoted, true);
        return (job) => FIELDS[field](job).some((value) => pattern.test(value)) !== (minus === "-");
      }
      const pattern = glob(field ? `${field}:${unquoted}` : unquoted, false);
      return (job) => pattern.test(haystack(job)) !== (minus === "-");
    });
  }

  let visible = new Set(jobs);

  function apply(query) {
    const tests = terms(query);
    visible = new Set(jobs.filter((job) => tests.every((test) => test(job))));
    matrix(query);
    list();
  }

  // ---------------------------------------------------------------- matrix

  const severity = (job) => (!holds(job) ? 0 : job.gate === "new" ? 10 : FAILING.includes(job.verdict) ? 20 : job.verdict === "hazard" ? 30 : 40) + Math.max(FAILING.indexOf(job.verdict), 0);
  let pending = []; // rows of the matrix that are still to be added
  let body = null;

  function matrix(query) {
    const worstOf = new Map(); // of each runner: those that fail come first, negative controls last
    const wanted = new Set();
    for (const job of visible) {
      const { runner, control } = job.column;
      wanted.add(job.column);
      worstOf.set(runner, Math.min(worstOf.get(runner) ?? 999, severity(job) + (control ? 100 : 0)));
    }
    const used = columns.filter((column) => wanted.has(column)).sort((a, b) => worstOf.get(a.runner) - worstOf.get(b.runner));
    const groups = new Map();
    const seen = new Set();
    for (const case_ of cases) {
      const matching = case_.cells.filter((job) => job && visible.has(job));
      if (!matching.length) continue;
      seen.add(case_);
      if (!groups.has(case_.file)) groups.set(case_.file, { file: case_.file, rows: [], worst: 99, broken: 0 });
      const group = groups.get(case_.file);
      const worst = Math.min(...matching.map(severity));
      group.rows.push({ case_, worst });
      group.worst = Math.min(group.worst, worst);
      group.broken += matching.filter((job) => !holds(job)).length;
    }
    const ordered = [...groups.values()].sort((a, b) => a.worst - b.worst);
    pending = ordered.flatMap((group) => [group, ...group.rows.sort((a, b) => a.worst - b.worst)]);
    $("count").textContent = query.trim()
      ? `${visible.size.toLocaleString("en")} of ${jobs.length.toLocaleString("en")} jobs, ${seen.size.toLocaleString("en")} of ${cases.length.toLocaleString("en")} cases`
      : `${jobs.length.toLocaleString("en")} jobs, ${cases.length.toLocaleString("en")} cases`;
    const runners = [];
    for (const column of used) {
      const last = runners.at(-1);
      if (last && last.runner === column.runner) last.count++;
      else runners.push({ runner: column.runner, control: column.control, count: 1 });
    }
    body = el("tbody", {});
    const table = el("table", { class: "matrix" },
      el("thead", {},
        el("tr", {}, el("th", { scope: "col", rowspan: 2, class: "corner" }, "case"),
          ...runners.map((it) => el("th", { scope: "colgroup", colspan: it.count, title: it.control || null }, it.runner, it.control ? el("span", { class: "control" }, "negative control") : ""))),
        el("tr", {}, ...used.map((column) => el("th", { scope: "col", class: "variant" }, ...column.variant.split(/(?<=[-_])/).flatMap((part) => [part, el("wbr")]))))),
      body);
    $("frame").replaceChildren(used.length ? table : el("p", { class: "hint" }, "No job matches this filter."));
    $("frame").scrollTop = 0;
    body.columns = used;
    grow();
    const first = body.querySelector("a");
    if (first) first.tabIndex = 0;
  }

  function grow() {
    const used = body.columns;
    const fragment = document.createDocumentFragment();
    for (const item of pending.splice(0, ROWS)) {
      if (item.rows) {
        const broken = item.broken ? `, ${item.broken.toLocaleString("en")} breaking the gate` : "";
        fragment.append(el("tr", { class: "file" }, el("th", { scope: "rowgroup", colspan: used.length + 1 },
          el("span", {}, item.file, el("span", { class: "dim" }, ` ${item.rows.length} case${item.rows.length === 1 ? "" : "s"}${broken}`)))));
      } else {
        fragment.append(el("tr", {}, el("th", { scope: "row", title: configuration(item.case_) }, item.case_.name, el("span", { class: "dim" }, ` ${brief(item.case_)}`)),
          ...used.map((column) => cell(item.case_.cells[column.index]))));
      }
    }
    body.append(fragment);
  }

  const brief = (c) => `i${by(c.input)} k${by(c.kernel)} s${by(c.stride)} d${by(c.dilation)} ${padding(c)}`;

  function cell(job) {
    if (!job) return el("td", { class: "none" });
    const [glyph, word] = data.verdicts[job.verdict];
    const kind = holds(job) ? "" : " breaks";
    const faded = visible.has(job) ? "" : " faded";
    return el("td", {}, el("a", { class: `cell ${job.verdict}${kind}${faded}`, href: href(job), tabindex: -1, title: `${job.where}: ${job.verdict}, ${job.gate}. ${sentence(job)}` },
      `${glyph} ${job.gate === "fixed" ? "fixed" : word}`));
  }

  $("frame").addEventListener("scroll", () => {
    const frame = $("frame");
    if (pending.length && frame.scrollTop + frame.clientHeight > frame.scrollHeight - 1500) grow();
  });

  // Arrow keys walk from cell to cell; only the one last visited is reached by Tab.
  $("frame").addEventListener("keydown", (event) => {
    const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
    const at = event.target.closest("a.cell");
    if (!step || !at) return;
    event.preventDefault();
    let row = at.closest("tr");
    let index = at.parentElement.cellIndex;
    for (;;) {
      if (step[0]) row = step[0] > 0 ? row.nextElementSibling : row.previousElementSibling;
      else index += step[1];
      if (!row || index < 1 || index > body.columns.length) return;
      const next = row.cells[index]?.querySelector("a");
      if (!next) continue;
      at.tabIndex = -1;
      next.tabIndex = 0;
      next.focus();
      return;
    }
  });

  // ---------------------------------------------------------------- list

  let listed = [];
  let shownJobs = 0;

  function list() {
    listed = jobs.filter((job) => job.order < notable && visible.has(job));
    shownJobs = 0;
    $("jobs-hint").textContent = listed.length ? `${listed.length.toLocaleString("en")} that fail, are hazards or differ from what is expected.` : "None here fails.";
    $("list").replaceChildren();
    more();
  }

  function more() {
    const next = listed.slice(shownJobs, shownJobs + LIST);
    shownJobs += next.length;
    $("list").append(...next.map((job) => el("a", { class: "entry", href: href(job) },
      badge(job.verdict), " ", gateWord(job), " ", el("b", {}, job.where), " ", el("span", { class: "id" }, job.case.id),
      job.column.control ? el("span", { class: "control" }, "negative control") : "", el("span", { class: "line" }, sentence(job)))));
    $("more").hidden = shownJobs >= listed.length;
    $("more").textContent = `Show ${Math.min(LIST, listed.length - shownJobs)} of ${(listed.length - shownJobs).toLocaleString("en")} more`;
  }

  $("more").addEventListener("click", more);

  // ---------------------------------------------------------------- drawing: conformance/render/drawing.py, line by line

  const CELL = 16, LEFT = 88, RIGHT = 76, NARROWEST = 420, WIDEST = 44, SIDE = 20, GAP = 2, MOST = 8;

  const ALIKE = { effective: "asked for and done", declared: "asked for and declared (what was done is not known)" };

  const range = (begin, end) => Array.from({ length: Math.max(end - begin, 0) }, (_, i) => begin + i);

  function windows(size, kernel, stride, dilation, begin, end, phased) {
    const extent = (kernel - 1) * dilation + 1;
    const count = phased || Math.max(Math.floor((size + begin + end - extent) / stride) + 1, 0);
    const start = phased ? (o) => (o % dilation) + dilation * stride * Math.floor(o / dilation) - begin : (o) => o * stride - begin;
    const taps = (window) => Array.from({ length: kernel }, (_, tap) => start(window) + tap * dilation);
    const read = count ? start(count - 1) + extent : 0;
    return { begin, end, extent, count, start, taps, read };
  }

  function firstDifference(size, asked, other) {
    const reads = (it, window) => it.taps(window).map((place) => (place >= 0 && place < size ? place : -1)).join();
    const shared = Math.min(asked.count, other.count);
    for (let window = 0; window < shared; window++) if (reads(asked, window) !== reads(other, window)) return window;
    return asked.count === other.count ? null : shared;
  }

  function view(low, high) {
    const cropped = high - low > WIDEST;
    const cells = cropped ? 2 * SIDE + GAP : high - low;
    const x = (place) => {
      if (!cropped || place < low + SIDE) return LEFT + CELL * (place - low);
      return place >= high - SIDE ? LEFT + CELL * (SIDE + GAP + place - (high - SIDE)) : null;
    };
    return {
      cropped, x,
      width: Math.max(LEFT + cells * CELL + RIGHT, NARROWEST),
      near: (place) => x(place) ?? LEFT + CELL * SIDE + (CELL * GAP) / 2 - CELL / 2,
      places: (begin, end) => (cropped ? [...range(begin, Math.min(end, low + SIDE)), ...range(Math.max(begin, high - SIDE), end)] : range(begin, end)),
    };
  }

  const titled = (it, title) => `${title}: pads ${it.begin} and ${it.end}, ${it.count} window${it.count === 1 ? "" : "s"}`;

  function drawAxis(size, asked, other, word) {
    const first = firstDifference(size, asked, other);
    const both = first === null ? [asked] : [asked, other];
    const low = Math.min(...both.map((it) => Math.min(-it.begin, it.count ? it.start(0) : 0)));
    const high = Math.max(...both.map((it) => Math.max(size + it.end, it.read)));
    const over = view(low, high);
    let y = 0;
    let parts = "";
    const block = (it, title) => {
      parts += `<text class="t" x="0" y="${y + 13}">${titled(it, title)}</text><text x="0" y="${y + 29}">input</text>`;
      y += 18;
      const pads = [...over.places(-it.begin, 0), ...over.places(size, size + it.end)];
      for (const [name, places] of [["i", over.places(0, size)], ["p", pads.filter((place) => place < it.read)], ["u", pads.filter((place) => place >= it.read)]]) {
        if (places.length) parts += `<path class="${name}" d="${places.map((place) => `M${over.x(place)} ${y}h${CELL}v${CELL}h-${CELL}z`).join("")}"/>`;
      }
      const digits = over.places(0, size).filter((place) => place < 1000).map((place) => `<tspan x="${over.near(place) + CELL / 2}">${place}</tspan>`);
      parts += `<text class="n" y="${y + 11}">${digits.join("")}</text>`;
      if (over.cropped) parts += `<text class="g" x="${LEFT + CELL * SIDE + (CELL * GAP) / 2}" y="${y + 12}">…</text>`;
      y += CELL + 4;
      let last = -1;
      for (const window of shownWindows(it.count, first)) {
        if (window > last + 1) {
          parts += `<text x="${LEFT}" y="${y + 8}">⋮</text>`;
          y += 14;
        }
        drawWindow(it, window);
        y += CELL + 2;
        last = window;
      }
      y += 6;
    };
    const drawWindow = (it, window) => {
      const taps = it.taps(window);
      if (window === first) {
        parts += `<rect class="f" x="0" y="${y - 1}" width="${over.width}" height="${CELL + 2}"/>`;
        parts += `<text class="f" x="${over.width - RIGHT + 6}" y="${y + 12}">first to differ</text>`;
      }
      const sign = taps[0] < 0 ? `−${-taps[0]}` : taps[0];
      parts += `<text x="0" y="${y + 12}">${window} from ${sign}</text>`;
      parts += `<path class="s" d="M${over.near(taps[0])} ${y + CELL / 2}H${over.near(taps.at(-1)) + CELL}"/>`;
      for (const [name, inside] of [["w", true], ["o", false]]) {
        const squares = taps.filter((place) => (place >= 0 && place < size) === inside && over.x(place) !== null)
          .map((place) => `M${over.x(place) + 2} ${y + 2}h${CELL - 4}v${CELL - 4}h-${CELL - 4}z`).join("");
        if (squares) parts += `<path class="${name}" d="${squares}"/>`;
      }
    };
    block(asked, first === null ? ALIKE[word] : "asked for");
    if (first !== null) block(other, word);
    let label = both.map((it, i) => titled(it, ["asked for", word][i])).join("; ");
    if (first !== null) label += `; window ${first} is the first that differs`;
    return `<svg class="drawing" role="img" aria-label="${label}" viewBox="0 0 ${over.width} ${y}" width="${over.width}" height="${y}">${parts}</svg>`;
  }

  function shownWindows(count, first) {
    if (count <= MOST) return range(0, count);
    const around = first === null ? [] : [first - 1, first, first + 1];
    return [...new Set([0, 1, 2, ...around, count - 2, count - 1])].filter((window) => window >= 0 && window < count).sort((a, b) => a - b);
  }

  function drawings(job) {
    const c = job.case;
    if (c.op === "conv_transpose" || c.ceil_mode || (job.order < notable && !job.axes)) return []; // drawing.found gives no axes
    const titles = new Map();
    c.input.forEach((size, axis) => {
      const [begin, end] = c.pads[axis];
      const [b, e, k, s, d, phased] = job.axes ? job.axes[axis] : [begin, end, c.kernel[axis], c.stride[axis], c.dilation[axis], 0];
      if (![size, begin, end, c.kernel[axis], c.stride[axis], c.dilation[axis], b, e, k, s, d, phased].every(Number.isInteger)) return;
      const asked = windows(size, c.kernel[axis], c.stride[axis], c.dilation[axis], begin, end, 0);
      const svg = drawAxis(size, asked, windows(size, k, s, d, b, e, phased), job.word || "effective");
      titles.set(svg, [...(titles.get(svg) || []), axis]);
    });
    return [...titles].map(([svg, axes]) => {
      const title = c.input.length === 1 ? "" : axes.length === 1 ? `Axis ${axes[0]}` : `Axes ${axes.join(" and ")}`;
      const holder = document.createElement("template");
      holder.innerHTML = svg; // integers and fixed words, nothing else
      return el("figure", {}, title ? el("figcaption", {}, title) : "", holder.content);
    });
  }

  // ---------------------------------------------------------------- numbers

  function tables(job) {
    if (!job.sample || job.sample.got === undefined) return null;
    let { expected, got, start } = job.sample;
    if (start.length === 1) [expected, got, start] = [[expected], [got], [0, ...start]];
    const wrong = (y, x) => expected[y]?.[x] !== got[y]?.[x];
    let first = job.first ? (job.sample.start.length === 1 ? [0, job.first.at(-1) - start[1]] : [job.first.at(-2) - start[0], job.first.at(-1) - start[1]]) : null;
    if (!first || !wrong(...first)) {
      first = null;
      for (let y = 0; y < Math.max(expected.length, got.length) && !first; y++) {
        const wide = Math.max((expected[y] || []).length, (got[y] || []).length);
        const x = range(0, wide).find((place) => wrong(y, place));
        if (x !== undefined) first = [y, x];
      }
    }
    const mark = (y, x) => (first && first[0] === y && first[1] === x ? "f" : wrong(y, x) ? "d" : null);
    const table = (title, rows) => el("table", {}, el("caption", {}, title),
      el("thead", {}, el("tr", {}, el("td"), ...range(0, Math.max(0, ...rows.map((row) => row.length))).map((x) => el("th", { scope: "col" }, String(start[1] + x))))),
      el("tbody", {}, ...rows.map((row, y) => el("tr", {}, el("th", { scope: "row" }, String(start[0] + y)),
        ...row.map((value, x) => el("td", { class: mark(y, x) }, String(value)))))));
    return el("div", { class: "numbers", tabindex: 0, role: "region", "aria-label": "Expected and got" }, table("expected", expected), table("got", got));
  }

  // ---------------------------------------------------------------- one job

  let opener = null;

  function open(job) {
    const aside = $("job");
    const c = job.case;
    const section = (title, ...children) => [el("h3", {}, title), ...children];
    const parts = [
      el("p", { class: "bar" }, el("button", { id: "close", type: "button" }, "Close"), el("a", { href: href(job), class: "permalink" }, "link to this job")),
      el("h2", { id: "job-title" }, c.id),
      el("p", {}, badge(job.verdict), " ", gateWord(job), " ", el("b", {}, job.where), " ", job.column.control ? el("span", { class: "control" }, `negative control: ${job.column.control}`) : ""),
      el("p", { class: "sentence" }, sentence(job)),
      el("p", { class: "configuration" }, configuration(c)),
    ];
    if (job.reason) {
      parts.push(...section("Expected", el("p", {}, job.reason, " ", el("span", { class: "dim" }, [job.entry, job.link].filter(Boolean).join(" · ")))));
    }
    if (job.causes.length) {
      const others = (job.alternatives || []).map((causes, index) => {
        const smallest = job.separating?.[index];
        return el("li", {}, el("b", {}, causes.join(" + ")), smallest ? ", which would differ on " : "", smallest ? el("span", { class: "configuration" }, smallest) : "");
      });
      parts.push(...section(job.causes.length > 1 ? "Causes" : "Cause",
        el("ul", {}, ...job.causes.map((cause) => el("li", {}, el("b", {}, cause), data.causes[cause] ? `: ${data.causes[cause]}` : ""))),
        job.evidence && !sentence(job).includes(job.evidence) ? el("p", {}, job.evidence) : "",
        others.length ? el("p", {}, "As good an explanation:") : "", others.length ? el("ul", {}, ...others) : "",
        job.tried ? el("p", { class: "dim" }, `${job.tried.toLocaleString("en")} hypothes${job.tried === 1 ? "is" : "es"} tried`, job.rejected ? `; rejected: ${job.rejected.join(", ")}` : "") : ""));
    }
    if (job.instead) parts.push(...section(`Write instead: ${job.instead}`, job.fix ? el("pre", { tabindex: 0 }, job.fix) : ""));
    else if (["mismatch", "hazard"].includes(job.verdict)) parts.push(...section("Write instead", el("p", {}, "No variant of this runner that was run gives the right answer.")));
    const same = job.causes.length && job.verdict !== "match";
    const drawn = drawings(job);
    if (drawn.length) parts.push(...section("Padding", ...drawn));
    if (drawn.length && same && job.word === "effective" && !drawn.some((figure) => figure.querySelector(".f"))) parts.push(el("p", { class: "dim" }, "Every window reads the elements it should: the difference is not in the geometry."));
    const numbers = tables(job);
    if (numbers || job.differs) {
      const lead = job.sample?.lead?.length ? ` (leading indices ${job.sample.lead.join(", ")})` : "";
      parts.push(...section("Numbers", job.differs ? el("p", {}, job.differs + lead) : "", numbers));
    }
    if (job.code) parts.push(...section("The code that ran", el("pre", { tabindex: 0 }, job.code)));
    if (job.message) parts.push(...section((job.exception || "Message") + (job.stage ? ` while in stage ${job.stage}` : ""), el("pre", { tabindex: 0 }, job.message)));
    if (job.stderr) parts.push(...section("The end of what it printed", el("pre", { tabindex: 0 }, job.stderr)));
    if (job.cut) parts.push(el("p", { class: "dim" }, "The numbers, code, messages and other details of jobs of this little importance are left out to keep this page small; they are in results.jsonl."));
    const about = ["title", "source", "note", "where", "tags", "since", "data", "seed"].filter((name) => c[name]);
    parts.push(...section("The case", el("dl", {}, ...about.flatMap((name) => [el("dt", {}, name), el("dd", {}, Array.isArray(c[name]) ? c[name].join(", ") : String(c[name]))]))));
    aside.replaceChildren(...parts.filter((part) => part !== "" && part !== null));
    aside.hidden = false;
    aside.scrollTop = 0;
    document.documentElement.classList.add("open");
    $("close").addEventListener("click", close);
    aside.focus({ preventScroll: true });
  }

  function close() {
    if ($("job").hidden) return;
    hide();
    remember();
    opener?.focus({ preventScroll: true });
    opener = null;
  }

  function hide() {
    $("job").hidden = true;
    document.documentElement.classList.remove("open");
  }

  // ---------------------------------------------------------------- address, keys

  const input = $("filter");
  const remember = () => history.replaceState(null, "", input.value.trim() ? "#q=" + encodeURIComponent(input.value.trim()) : location.pathname + location.search);
  let waiting = 0;

  function filter(query) {
    input.value = query;
    apply(query);
  }

  input.addEventListener("input", () => {
    cancelAnimationFrame(waiting);
    waiting = requestAnimationFrame(() => {
      apply(input.value);
      remember();
    });
  });
  $("clear").addEventListener("click", () => {
    filter("");
    remember();
    input.focus();
  });

  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[href^='#job=']");
    if (link && !$("job").contains(link)) opener = link;
  });

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "/" && document.activeElement !== input) {
      event.preventDefault();
      input.focus();
      input.select();
    } else if (event.key === "Escape") {
      if (!$("job").hidden && document.activeElement !== input) close();
      else if (input.value) {
        filter("");
        remember();
      }
    }
  });

  function follow() {
    let text = location.hash;
    try {
      text = decodeURIComponent(text);
    } catch {
      // a hash that somebody typed: taken as it is
    }
    if (text.startsWith("#job=")) {
      const job = named.get(text.slice(5));
      if (job) open(job);
    } else {
      hide();
      if (text.startsWith("#q=") && text.slice(3) !== input.value.trim()) {
        filter(text.slice(3));
        $("explore").scrollIntoView();
      }
    }
  }

  document.documentElement.classList.add("js");
  apply("");
  follow();
  window.addEventListener("hashchange", follow);
})();
