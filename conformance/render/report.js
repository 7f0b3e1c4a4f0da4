"use strict";
// Opens one job at a time and draws its heatmaps; in the report itself, also fills the filter, the matrix and the list.
// Text from cases and runners only ever becomes text nodes and attributes.
(() => {
  const $ = (id) => document.getElementById(id);
  const data = JSON.parse($("data").textContent); // null on the pages beside the report
  const root = document.documentElement;

  function fill(element, attributes, children) {
    for (const [name, value] of Object.entries(attributes)) {
      if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value === true ? "" : value);
    }
    element.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
    return element;
  }
  const el = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);
  const shape = (tag, attributes, ...children) => fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
  const range = (count) => Array.from({ length: count }, (_, index) => index);
  const many = (count, noun) => `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;

  // ---------------------------------------------------------------- heatmaps, from the tables of numbers

  const numbers = (table) => [...table.rows].slice(1).map((row) => [...row.cells].slice(1).map((cell) => Number(cell.textContent)));

  /** What was got less what was expected; NaN where that is no number, null where only one of them is there. */
  function difference(expected, actual) {
    const minus = (one, two) => (one === undefined || two === undefined ? null : one === two ? 0 : one - two);
    return range(Math.max(expected.length, actual.length)).map((y) =>
      range(Math.max(expected[y]?.length ?? 0, actual[y]?.length ?? 0)).map((x) => minus(actual[y]?.[x], expected[y]?.[x])));
  }

  /** The place that differs most, what is no number above all; null where nothing differs. */
  function worst(rows) {
    let found = null;
    let most = 0;
    rows.forEach((row, y) => row.forEach((value, x) => {
      const size = Number.isNaN(value) ? Infinity : Math.abs(value);
      if (size > most) [found, most] = [[y, x], size];
    }));
    return found;
  }

  function picture(title, rows, side, scale, marks) {
    const [width, height] = [Math.max(0, ...rows.map((row) => row.length)) * side, rows.length * side];
    const cells = rows.flatMap((row, y) => row.map((value, x) => shape("rect", {
      x: x * side, y: y * side, width: side, height: side,
      class: !Number.isFinite(value) ? "none" : value < 0 ? "minus" : "plus",
      "fill-opacity": Number.isFinite(value) ? Math.abs(value) / scale : false,
    })));
    const outlines = marks.filter(([, [y, x]]) => rows[y]?.[x] !== undefined).map(([name, [y, x]]) => shape("rect", { x: x * side + 1, y: y * side + 1, width: side - 2, height: side - 2, class: name }));
    const drawn = shape("svg", { role: "img", "aria-label": `heatmap: ${title}`, viewBox: `-1 -1 ${width + 2} ${height + 2}`, width: width + 2, height: height + 2 }, ...cells, ...outlines);
    return el("figure", {}, el("figcaption", {}, title), drawn);
  }

  /** The table of the differences, with the rows' and columns' numbers of the other two. */
  function tabled(differs, wanted, got) {
    const head = [wanted, got].map((table) => table.rows[0]).sort((a, b) => b.cells.length - a.cells.length)[0];
    const most = worst(differs);
    const cell = (value, here) => el("td", { class: here ? "f" : value ? "d" : null }, value === null ? "" : format(value));
    return el("table", {}, el("caption", {}, "difference"), el("tbody", {}, head.cloneNode(true), ...differs.map((row, y) =>
      el("tr", {}, (wanted.rows[y + 1] ?? got.rows[y + 1]).cells[0].cloneNode(true), ...row.map((value, x) => cell(value, y === most?.[0] && x === most[1]))))));
  }

  /** Draws the heatmaps of a job above its tables, once, with a selector where several channels are kept. */
  function heat(article) {
    const region = article.querySelector(".numbers");
    if (!region || article.querySelector(".heat")) return;
    const channels = [...region.children];
    const grids = channels.map((channel) => [...channel.querySelectorAll("table")].map(numbers));
    const scale = Math.max(1e-300, ...grids.flatMap(([expected, actual]) => [expected, actual, difference(expected, actual)]).flat(2).filter(Number.isFinite).map(Math.abs));
    channels.forEach((channel, index) => channel.append(tabled(difference(...grids[index]), ...channel.children)));
    const heat = el("div", { class: "heat" });
    const show = (index) => {
      channels.forEach((channel, other) => (channel.hidden = other !== index));
      const [expected, actual] = grids[index];
      const differs = difference(expected, actual);
      const side = Math.min(28, Math.floor(224 / Math.max(1, ...differs.map((row) => row.length)))); // up to 16 are kept
      const most = worst(differs);
      const [wanted, got] = channels[index].querySelectorAll("table");
      const first = [wanted, got].map((table) => table.querySelector(".f")).find(Boolean);
      const value = most && differs[most[0]][most[1]];
      const marks = [most && ["worst", most], first && ["first", [first.parentElement.rowIndex - 1, first.cellIndex - 1]]].filter(Boolean);
      heat.replaceChildren(
        el("div", { class: "pictures" }, picture("expected", expected, side, scale, marks), picture("actual", actual, side, scale, marks), picture("difference", differs, side, scale, marks)),
        el("p", { class: "hint" }, "One scale: ", el("span", { class: "swatch minus" }), ` −${format(scale)} to `, el("span", { class: "swatch plus" }), ` ${format(scale)}, `, el("span", { class: "swatch none" }), " no number. ",
          ...(most ? [el("span", { class: "swatch worst" }), ` Worst here: ${format(value)} in row ${wanted.rows[most[0] + 1].cells[0].textContent}, column ${wanted.rows[0].cells[most[1] + 1].textContent}. `] : ["No number differs in this channel. "]),
          ...(first ? [el("span", { class: "swatch first" }), " First to differ."] : [])));
    };
    const select = el("select", {}, ...channels.map((channel, index) => el("option", { value: index }, channel.dataset.channel)));
    select.addEventListener("change", () => show(Number(select.value)));
    region.before(channels.length > 1 ? el("p", {}, el("label", {}, "Channel ", select)) : "", heat);
    show(0);
  }

  const format = (value) => (Number.isInteger(value) ? String(value) : Number.isFinite(value) ? value.toPrecision(4) : "not a number").replace("-", "−");

  // ---------------------------------------------------------------- one job

  let opener = null;
  let current = null; // the article that is open
  const closer = el("p", { class: "bar" }, el("button", { type: "button", id: "close" }, "Close"), el("span", { class: "hint" }, el("kbd", {}, "j"), " next, ", el("kbd", {}, "k"), " previous, ", el("kbd", {}, "Esc"), " close"));
  closer.firstChild.addEventListener("click", close);

  function open(name) {
    let article = document.getElementById(`job=${name}`);
    if (!article && explore) article = explore.article(name);
    hide();
    if (!article) return;
    current = article;
    article.prepend(closer);
    article.classList.add("open");
    article.setAttribute("aria-label", name);
    root.classList.add("opened");
    heat(article);
    article.scrollTop = 0;
    article.focus({ preventScroll: true });
  }

  function hide() {
    current?.classList.remove("open");
    current = null;
    root.classList.remove("opened");
  }

  function close() {
    if (!current) return;
    hide();
    remember();
    opener?.focus({ preventScroll: true });
    opener = null;
  }

  const address = (query) => (query ? "#q=" + encodeURIComponent(query) : location.pathname + location.search);
  const remember = () => history.replaceState(null, "", address(explore ? explore.query() : ""));

  /** From one entry of the list to the next: the open job, or the one that has the focus. */
  function step(by) {
    let links = [...document.querySelectorAll("#list a")];
    const at = current ? links.findIndex((link) => decoded(link.hash) === current.id) : links.indexOf(document.activeElement);
    if (by > 0 && at === links.length - 1 && !$("more").hidden) {
      $("more").click();
      links = [...document.querySelectorAll("#list a")];
    }
    const next = links[at < 0 ? 0 : at + by];
    if (!next) return;
    if (current) {
      opener = next;
      if (next.pathname !== location.pathname) location.replace(next.href);
      else {
        history.replaceState(null, "", next.hash); // no navigation, which would move the focus later on
        follow();
      }
    } else next.focus();
  }

  function decoded(hash) {
    try {
      return decodeURIComponent(hash).slice(1);
    } catch {
      return hash.slice(1); // a hash that somebody typed: taken as it is
    }
  }

  function follow() {
    const hash = decoded(location.hash);
    if (hash.startsWith("job=")) return open(hash.slice(4));
    hide();
    if (explore && hash.startsWith("q=") && hash.slice(2) !== explore.query()) {
      explore.filter(hash.slice(2));
      $("explore").scrollIntoView();
    }
  }

  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[href*='#job=']");
    if (link && !current?.contains(link)) opener = link;
  });

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const typing = event.target.closest("input, select");
    if (event.key === "Escape") {
      if (current && !typing?.closest("#explore")) close();
      else explore?.clear();
    } else if (typing) return;
    else if (event.key === "/" && explore) {
      event.preventDefault();
      $("filter").focus();
      $("filter").select();
    } else if (event.key === "j") step(1);
    else if (event.key === "k") step(-1);
  });

  // ---------------------------------------------------------------- every case in every runner

  function exploring() {
    const LIST = 40; // entries that are added to the list at a time
    const ROW = 24; // height of the matrix's rows, as in the stylesheet
    const BLOCK = 12; // rows of the matrix that are drawn together

    const record = (fields, row, from) => Object.fromEntries(fields.map((name, index) => [name, data.values[row[from + index] || 0]]));
    const columns = data.columns.map(([runner, variant, control, command], index) => ({ index, runner, variant, control, command, where: `${runner}/${variant}` }));
    const cases = data.cases.map((row) => {
      const cut = row[0].lastIndexOf("/");
      return Object.assign(record(data.case_fields, row, 1), { id: row[0], file: row[0].slice(0, cut), name: row[0].slice(cut + 1), cells: new Array(columns.length) });
    });
    const jobs = data.jobs.map((row) => Object.assign(record(data.job_fields, row, 2), { case: cases[row[0]], column: columns[row[1]] }));
    const notable = jobs.length;
    data.rows.forEach((row, index) => {
      for (let column = 0; column < row.length; column++) {
        if (row[column] === "m") jobs.push({ case: cases[index], column: columns[column], verdict: "match", gate: "ok", line: "equals the reference" });
      }
    });
    const named = new Map();
    let page = 0;
    let end = data.pages[0];
    jobs.forEach((job, order) => {
      while (order >= end && order < notable) end += data.pages[++page];
      job.notable = order < notable;
      job.page = job.notable && page ? `report-${page + 1}.html` : "";
      job.causes ||= [];
      job.name = `${job.case.id}|${job.column.runner}|${job.column.variant}`;
      job.case.cells[job.column.index] = job;
      named.set(job.name, job);
    });
    for (const case_ of cases) case_.differs = new Set(case_.cells.filter(Boolean).map((job) => job.verdict)).size > 1;

    const holds = (job) => data.holding.includes(job.gate);
    const by = (sizes) => sizes.join("x");
    const padding = (c) => (typeof c.padding === "string" ? c.padding : c.padding.map(([b, e]) => `${b}.${e}`).join("x"));
    const brief = (c) => `${c.op} i${by(c.input)} k${by(c.kernel)} s${by(c.stride)} d${by(c.dilation)} ${padding(c)}${c.mode ? ` ${c.mode}` : ""}`;
    const href = (job) => `${job.page}#job=${encodeURIComponent(job.name)}`;
    const badge = (verdict) => el("span", { class: `badge ${verdict}` }, `${data.verdicts[verdict][0]} ${verdict}`);
    const about = (job) => [badge(job.verdict), " ", el("span", { class: holds(job) ? "gate-word" : "gate-word breaks" }, job.gate), " ", el("b", {}, job.column.where), " "];

    /** The article of a job that is not written out: a match, of which there is little to say, or one on another page. */
    function article(name) {
      const job = named.get(name);
      if (!job) return null;
      if (job.page) {
        location.replace(href(job));
        return null;
      }
      const made = el("article", { id: `job=${name}`, tabindex: -1 },
        el("h2", {}, job.case.id), el("p", {}, ...about(job)), el("p", { class: "sentence" }, job.line), el("p", { class: "configuration" }, brief(job.case)),
        el("h3", {}, "The case"), el("p", { class: "where" }, job.case.where), el("h3", {}, "Reproduce it"), el("pre", { tabindex: 0 }, job.column.command.replace("CASE", job.case.id)));
      document.querySelector("main").append(made);
      return made;
    }

    // -------------------------------------------------------------- filter

    const glob = (text, whole) => {
      const source = text.replace(/[.+?^${}()|[\]\\]/g, "\\$&").replace(/\*/g, ".*");
      return new RegExp(whole ? `^(?:${source})$` : source, "is");
    };
    const sizes = (values) => (values.every((value) => value === values[0]) ? [by(values), String(values[0])] : [by(values)]);
    const is = (job) => [job.gate !== "ok" && job.gate !== "known" && "new", job.case.differs && "differing"].filter(Boolean);
    const FIELDS = {
      runner: (job) => [job.column.runner, job.column.where],
      variant: (job) => [job.column.variant],
      verdict: (job) => [job.verdict],
      cause: (job) => job.causes,
      gate: (job) => [job.gate],
      case: (job) => [job.case.id, job.case.name],
      file: (job) => [job.case.file],
      op: (job) => [job.case.op],
      mode: (job) => [job.case.mode || "constant"],
      spec: (job) => [job.case.spec || ""],
      dtype: (job) => [job.case.dtype],
      tag: (job) => job.case.tags || [],
      padding: (job) => [padding(job.case)],
      i: (job) => sizes(job.case.input),
      k: (job) => sizes(job.case.kernel),
      s: (job) => sizes(job.case.stride),
      d: (job) => sizes(job.case.dilation),
      is,
    };
    const haystack = (job) =>
      (job.text ??= [job.case.id, job.column.where, job.verdict, job.gate, ...job.causes, job.line, job.case.title, job.case.note, job.case.source, job.column.control].filter(Boolean).join("\n"));
    const tokens = (query) => query.match(/-?(?:\w+:)?(?:"[^"]*"|\S)+/g) || [];

    const term = (token) => {
      const [, minus, field, rest] = /^(-?)(?:(\w+):)?(.*)$/s.exec(token);
      const wanted = minus !== "-";
      const text = rest.replaceAll('"', "");
      if (field && Object.hasOwn(FIELDS, field)) {
        const pattern = glob(text, true);
        return (job) => FIELDS[field](job).some((value) => pattern.test(value)) === wanted;
      }
      const pattern = glob(field ? `${field}:${text}` : text, false);
      return (job) => pattern.test(haystack(job)) === wanted;
    };

    const input = $("filter");
    const query = () => input.value.trim();
    let visible = new Set();

    function apply() {
      const tests = tokens(query()).map(term);
      visible = new Set(jobs.filter((job) => tests.every((test) => test(job))));
      chips();
      matrix();
      list();
    }

    function chips() {
      const counts = new Map();
      const count = (name) => counts.set(name, (counts.get(name) || 0) + 1);
      for (const job of visible) {
        count(`verdict:${job.verdict}`);
        count(`gate:${job.gate}`);
        is(job).forEach((name) => count(`is:${name}`));
      }
      const used = tokens(query());
      for (const chip of $("chips").children) {
        chip.lastElementChild.textContent = (counts.get(chip.dataset.term) || 0).toLocaleString("en");
        chip.setAttribute("aria-pressed", used.includes(chip.dataset.term));
      }
    }

    /** A chip adds its term to the query, in the place of another of the same field, or takes it away. */
    $("chips").addEventListener("click", (event) => {
      const chosen = event.target.closest("button")?.dataset.term;
      if (!chosen) return;
      const field = chosen.startsWith("is:") ? chosen : chosen.split(":")[0] + ":";
      const others = tokens(query()).filter((token) => !token.startsWith(field));
      filter([...others, ...(tokens(query()).includes(chosen) ? [] : [chosen])].join(" "));
      remember();
    });

    function filter(text) {
      input.value = text;
      apply();
    }

    function clear() {
      if (!input.value) return;
      filter("");
      remember();
    }

    let waiting = 0;
    input.addEventListener("input", () => {
      cancelAnimationFrame(waiting);
      waiting = requestAnimationFrame(() => {
        apply();
        remember();
      });
    });
    $("clear").addEventListener("click", () => {
      clear();
      input.focus();
    });

    // -------------------------------------------------------------- matrix: only the rows in sight are there

    const severity = (job) => (!holds(job) ? 0 : job.gate === "new" ? 10 : data.failures.includes(job.verdict) ? 20 : job.verdict === "hazard" ? 30 : 40) + Math.max(data.failures.indexOf(job.verdict), 0);
    const GROUPS = {
      file: (case_) => [case_.file],
      op: (case_) => [case_.op],
      cause: (_, matching) => {
        const causes = new Set(matching.flatMap((job) => job.causes));
        return causes.size ? causes : ["no cause"];
      },
    };
    const frame = $("frame");
    const body = el("tbody", {});
    let rows = []; // groups, and the cases in them
    let used = []; // columns
    let drawn = -1; // the first row that is there
    let at = null; // row and column of the cell that Tab reaches

    function matrix() {
      const worstOf = new Map(); // of each runner: those that fail come first, negative controls last
      for (const job of visible) {
        const { runner, control } = job.column;
        worstOf.set(runner, Math.min(worstOf.get(runner) ?? 999, severity(job) + (control ? 100 : 0)));
      }
      const wanted = new Set([...visible].map((job) => job.column));
      used = columns.filter((column) => wanted.has(column)).sort((a, b) => worstOf.get(a.runner) - worstOf.get(b.runner));
      const groups = new Map();
      let seen = 0;
      for (const case_ of cases) {
        const matching = case_.cells.filter((job) => job && visible.has(job));
        if (!matching.length) continue;
        seen++;
        for (const title of GROUPS[$("group").value](case_, matching)) {
          const own = title === "no cause" || $("group").value !== "cause" ? matching : matching.filter((job) => job.causes.includes(title));
          const worst = Math.min(...own.map(severity));
          const group = groups.get(title) ?? { title, cases: [], worst, broken: 0 };
          groups.set(title, group);
          group.cases.push({ case_, worst });
          group.worst = Math.min(group.worst, worst);
          group.broken += own.filter((job) => !holds(job)).length;
        }
      }
      const failing = (a, b) => a.worst - b.worst;
      rows = [...groups.values()].sort((a, b) => failing(a, b) || b.cases.length - a.cases.length).flatMap((group) => [group, ...group.cases.sort(failing)]);
      $("count").textContent = query() ? `${visible.size.toLocaleString("en")} of ${many(jobs.length, "job")}, ${seen.toLocaleString("en")} of ${many(cases.length, "case")}` : `${many(jobs.length, "job")}, ${many(cases.length, "case")}`;
      const runners = [];
      for (const column of used) {
        if (runners.at(-1)?.runner === column.runner) runners.at(-1).count++;
        else runners.push({ runner: column.runner, control: column.control, count: 1 });
      }
      const table = el("table", { class: "matrix", "aria-rowcount": rows.length + 2 },
        el("thead", {},
          el("tr", {}, el("th", { scope: "col", rowspan: 2, class: "corner" }, "case"),
            ...runners.map((it) => el("th", { scope: "colgroup", colspan: it.count, title: it.control || null }, it.runner, it.control ? el("span", { class: "control" }, "negative control") : ""))),
          el("tr", {}, ...used.map((column) => el("th", { scope: "col", class: "variant" }, el("span", {}, ...column.variant.split(/(?<=[-_])/).flatMap((part) => [part, el("wbr", {})])))))),
        body);
      frame.replaceChildren(used.length ? table : el("p", { class: "hint" }, "No job matches this filter."));
      frame.scrollTop = 0;
      at = null;
      drawn = -1;
      draw();
    }

    function draw() {
      const first = Math.max(Math.floor(frame.scrollTop / ROW / BLOCK) - 1, 0) * BLOCK;
      if (first === drawn) return;
      drawn = first;
      const last = Math.min(first + Math.ceil(window.innerHeight / ROW) + 3 * BLOCK, rows.length);
      const focused = body.contains(document.activeElement);
      at ??= [1, used.findIndex((column) => rows[1].case_.cells[column.index])]; // row 0 is a group's
      body.replaceChildren(space(first), ...rows.slice(first, last).map((row, index) => (row.cases ? heading(row, first + index) : line(row, first + index))), space(rows.length - last));
      if (focused) cellAt(at)?.focus({ preventScroll: true });
    }

    function space(count) {
      const row = el("tr", { class: "space", "aria-hidden": "true" });
      row.style.height = `${count * ROW}px`;
      return row;
    }

    const heading = (group, index) => el("tr", { class: "file", "aria-rowindex": index + 3 }, el("th", { scope: "rowgroup", colspan: used.length + 1 },
      el("span", {}, group.title, el("span", { class: "dim" }, ` ${many(group.cases.length, "case")}${group.broken ? `, ${group.broken.toLocaleString("en")} breaking the gate` : ""}`))));

    const line = ({ case_ }, index) => el("tr", { "aria-rowindex": index + 3 }, el("th", { scope: "row", title: `${case_.id}: ${brief(case_)}` }, case_.name, el("span", { class: "dim" }, ` ${brief(case_)}`)),
      ...used.map((column, number) => cell(case_.cells[column.index], index, number)));

    function cell(job, row, column) {
      if (!job) return el("td", {});
      const [glyph, word] = data.verdicts[job.verdict];
      const kind = `${holds(job) ? "" : " breaks"}${visible.has(job) ? "" : " faded"}`;
      return el("td", {}, el("a", { class: `cell ${job.verdict}${kind}`, href: href(job), tabindex: row === at[0] && column === at[1] ? 0 : -1, title: `${job.column.where}: ${job.verdict}, ${job.gate}. ${job.line}` },
        `${glyph} ${job.gate === "fixed" ? "fixed" : word}`));
    }

    const cellAt = ([row, column]) => body.rows[row - drawn + 1]?.cells[column + 1]?.querySelector("a");

    frame.addEventListener("scroll", draw);
    window.addEventListener("resize", () => {
      drawn = -1;
      draw();
    });
    $("group").addEventListener("change", matrix);

    // Arrow keys walk from cell to cell; only the one last visited is reached by Tab.
    frame.addEventListener("focusin", (event) => {
      const link = event.target.closest("a.cell");
      if (!link) return;
      cellAt(at)?.setAttribute("tabindex", -1);
      link.tabIndex = 0;
      at = [link.closest("tr").rowIndex - 3 + drawn, link.parentElement.cellIndex - 1]; // behind two headers and a space
    });

    frame.addEventListener("keydown", (event) => {
      const [down, right] = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key] ?? [0, 0];
      if (!event.target.closest("a.cell") || !(down || right)) return;
      event.preventDefault();
      let [row, column] = at;
      do [row, column] = [row + down, column + right];
      while (rows[row] && used[column] && !rows[row].case_?.cells[used[column].index]);
      if (!rows[row] || !used[column]) return;
      const head = frame.querySelector("thead").offsetHeight;
      frame.scrollTop = Math.max(Math.min(frame.scrollTop, row * ROW), (row + 1) * ROW + head + 20 - frame.clientHeight);
      draw();
      cellAt([row, column]).focus();
    });

    // -------------------------------------------------------------- list

    let listed = [];
    let shown = 0;

    function list() {
      listed = jobs.filter((job) => job.notable && visible.has(job));
      shown = 0;
      $("jobs-hint").textContent = listed.length ? `${listed.length.toLocaleString("en")} that fail, are hazards or differ from what is expected.` : "None here fails.";
      $("list").replaceChildren();
      more();
    }

    function more() {
      const next = listed.slice(shown, shown + LIST);
      shown += next.length;
      $("list").append(...next.map((job) => el("a", { class: "entry", href: href(job) }, ...about(job), el("span", { class: "id" }, job.case.id),
        job.column.control ? el("span", { class: "control" }, "negative control") : "", el("span", { class: "line" }, job.line))));
      $("more").hidden = shown >= listed.length;
      $("more").textContent = `Show ${Math.min(LIST, listed.length - shown)} of ${(listed.length - shown).toLocaleString("en")} more`;
    }

    $("more").addEventListener("click", more);
    return { apply, article, clear, filter, query };
  }

  const explore = data && exploring();
  explore?.apply();
  follow();
  window.addEventListener("hashchange", follow);
})();
