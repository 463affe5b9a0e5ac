/* The calculator: a table goes in, scores come out, and nothing leaves the browser.
   The numbers are hat-core.js's, which runs in a worker made of its own text, so that the page also
   works where it was opened from disk. */
(function () {
  "use strict";
  var root = document.querySelector(".hat-calculator");
  if (!root) return;
  var MOST_LINK = 6000, MOST_EDIT = 40, MOST_SHOWN = 200000, MOST_TEXT = 60e6;
  var core = hatCore(), text = "", whole = null, name = "responses.csv", worker = null, running = 0, last = null;

  function made(tag, parent, words, look) {
    var part = document.createElement(tag);
    if (words !== undefined && words !== null) part.textContent = words;
    if (look) part.className = look;
    if (parent) parent.appendChild(part);
    return part;
  }
  function find(part) { return root.querySelector("[data-part=" + part + "]"); }
  var area = find("text"), out = find("results"), said = find("status"), trouble = find("problems");
  var source = find("source"), chance = find("chance"), edit = find("edit"), file = find("file");

  // The worker -----------------------------------------------------------------------------------

  function work() {
    var hat = hatCore();
    self.onmessage = function (event) {
      var job = event.data;
      try {
        var read = hat.readTable(job.text, job.name), found = hat.scoreAll(read, { source: job.source, chance: job.chance, seed: 1,
          progress: function (share) { self.postMessage({ id: job.id, progress: share }); } });
        var languages = (read.tables || []).reduce(function (all, table) { return all.concat(table.languages); }, (read.rows || []).map(function (row) { return row.language; }));
        delete read.tables;
        self.postMessage({ id: job.id, read: read, found: found, languages: languages });
      } catch (problem) {
        self.postMessage({ id: job.id, failed: String(problem && problem.message || problem) });
      }
    };
  }
  function makeWorker() {
    var code = hatCore.toString() + "\n(" + work.toString() + ")();";
    var address = URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
    var made = new Worker(address);
    made.onmessage = function (event) {
      var answer = event.data;
      if (answer.id !== running) return;
      if (answer.progress !== undefined) { said.textContent = "Redrawing items: " + Math.round(100 * answer.progress) + "%"; return; }
      if (answer.failed) { said.textContent = "The table could not be scored: " + answer.failed; return; }
      show(answer);
    };
    return made;
  }
  function run() {
    text = whole === null ? area.value : whole;
    running += 1;
    trouble.hidden = true;
    if (!text.trim()) { out.textContent = ""; said.textContent = ""; last = null; return; }
    if (worker) worker.terminate(); // what it was doing is out of date
    worker = makeWorker();
    said.textContent = "Reading …";
    var level = chance.value.trim() === "" ? null : Number(chance.value.replace(",", "."));
    if (level !== null && !(level >= 0 && level < 1)) { problems(["the chance level is not from 0 to below 1. Use 0 for free answers, 0.25 for four options."]); return; }
    worker.postMessage({ id: running, text: text, name: name, source: source.value, chance: level });
  }

  // Results --------------------------------------------------------------------------------------

  function problems(list) {
    out.textContent = "";
    said.textContent = list.length === 1 ? "One problem was found." : list.length + " problems were found.";
    trouble.textContent = "";
    made("p", trouble, "This table cannot be scored yet:");
    var items = made("ul", trouble);
    list.forEach(function (each) { made("li", items, each); });
    trouble.hidden = false;
  }
  function number(value, digits) { return isFinite(value) ? value.toFixed(digits === undefined ? 3 : digits) : "–"; }

  function show(answer) {
    var read = answer.read;
    languages(answer.languages);
    if (read.problems.length) { problems(read.problems); return; }
    out.textContent = "";
    last = { read: read, found: answer.found };
    if (read.kind === "accuracies") showAccuracies(read);
    else answer.found.forEach(function (found) { showScores(found, read); });
    actions();
    said.textContent = read.kind === "accuracies" ? "The usual metrics are below." : "Scores are below.";
  }

  function languages(codes) {
    var kept = source.value, known = Array.from(new Set(codes)).sort();
    source.textContent = "";
    made("option", source, "as in the table, else English").value = "";
    known.forEach(function (code) { made("option", source, code).value = code; });
    source.value = known.indexOf(kept) >= 0 ? kept : "";
  }

  function table(heads, rows, label) {
    var box = made("div", null, null, "hat-scroll");
    box.setAttribute("role", "region");
    box.setAttribute("aria-label", label);
    box.tabIndex = 0;
    var all = made("table", box, null, "hat-plain"), top = made("tr", made("thead", all)), body = made("tbody", all);
    heads.forEach(function (head) { made("th", top, head).scope = "col"; });
    rows.forEach(function (row) {
      var line = made("tr", body);
      row.forEach(function (cell, i) {
        var part = made(i ? "td" : "th", line, cell);
        if (!i) part.scope = "row";
      });
    });
    return box;
  }

  function showAccuracies(read) {
    last.csv = [];
    core.usualMetrics(read.rows, source.value || "en").forEach(function (usual) {
      if (usual.benchmark) made("h3", out, usual.benchmark);
      if (usual.left.length) made("p", out, "Left out, as they have no accuracy in the source language: " + usual.left.join(", ") + ".", "hat-note");
      made("p", out, "Averaged over the target languages that all models have: " + (usual.targets.join(", ") || "none") + ".");
      out.appendChild(table(["model", "source accuracy", "target accuracy", "gap", "ratio"], usual.rows.map(function (row) {
        return [row.model, number(row.source_accuracy), number(row.target_accuracy), number(row.xlt_gap), number(row.ratio, 2)];
      }), "Usual metrics" + (usual.benchmark ? " on " + usual.benchmark : "")));
      last.csv = last.csv.concat(usual.rows);
    });
    made("p", out, "These are accuracies, which give the usual metrics. The HAT score needs item-level responses: which questions each model got right, in each language.");
    command("hat run fit --data " + shellName());
  }

  function showScores(found, read) {
    if (found.benchmark) made("h3", out, found.benchmark);
    var macro = found.rows.filter(function (row) { return row.target === "macro"; });
    var scored = macro.filter(function (row) { return isFinite(row.hat); });
    scored.sort(function (a, b) { return b.hat - a.hat; });
    var rest = macro.filter(function (row) { return !isFinite(row.hat); });
    notes(found, read).forEach(function (note) { made("p", out, note, "hat-note"); });
    if (scored.length) out.appendChild(chart(scored));
    var tied = macro.some(function (row) { return row.tie_group; });
    var heads = ["model", "HAT", "95% interval", "f(.95)"].concat(tied ? ["tie group"] : [], ["source", "target", "gap", "ratio", "remark"]);
    out.appendChild(table(heads, scored.concat(rest).map(function (row) {
      return [row.model, number(row.hat), isFinite(row.hat) ? number(row.low) + " to " + number(row.high) : "–", number(row.f95, 2)]
        .concat(tied ? [row.tie_group || ""] : [], [number(row.source_accuracy), number(row.target_accuracy), number(row.xlt_gap), number(row.ratio, 2), row.flag]);
    }), "Scores of each model"));
    if (scored.length) made("p", out, "Mean over " + found.targets.join(", ") + ", from " + found.source + "; chance level " + found.chance + "; profile " + found.profile +
      "; uniform reference; " + found.draws + " redraws of the items. f(.95): of the items that a model nearly always solves in the source language, the share that it solves in the target." +
      (tied ? " Models that share a letter are not significantly different." : ""), "hat-key");
    if (found.targets.length > 1) {
      var more = made("details", out);
      made("summary", more, "Each language");
      more.appendChild(table(["model", "language", "HAT", "95% interval", "target accuracy", "remark"], found.rows.filter(function (row) { return row.target !== "macro"; }).map(function (row) {
        return [row.model, row.target, number(row.hat), isFinite(row.hat) ? number(row.low) + " to " + number(row.high) : "–", number(row.target_accuracy), row.flag];
      }), "Scores by language"));
    }
    command("hat score " + shellName() + " --source " + found.source + " --chance " + found.chance);
  }

  var BEYOND = {
    strata: "The column stratum asks for scores within strata.",
    promptings: "With several promptings of an item, each answer is compared with what the other promptings show of the item.",
    "one answer": "With one answer an item, hardness is borrowed from the other models."
  };
  function notes(found, read) {
    var list = [];
    if (read.read.length) list.push("Read: " + read.read.join("; ") + ".");
    if (found.beyond) list.push(BEYOND[found.beyond] + " This page does not do that: use the command below. Here are the usual metrics.");
    else if (found.rows.some(function (row) { return /one answer/.test(row.flag); })) {
      list.push("With one answer an item, hardness has to be borrowed from other models, which takes five or more.");
    }
    if (found.rows.some(function (row) { return /unread/.test(row.flag); })) list.push("More answers could not be read in one language than in the other, and they count as wrong. The command below says where.");
    if (found.likelier !== null) {
      list.push("The answers do not look like a chance level of " + Number(found.chance.toPrecision(3)) + ": " + Number(found.likelier.toPrecision(3)) + " fits them much better. Set it above if that is what a guess gets.");
    }
    if (found.rows.some(function (row) { return /not said/.test(row.flag); })) {
      list.push("The answers do not show whether the questions have options. Set the chance level above: 0 if answers are free, else 1 / number of options; left at 0, scores of multiple choice are too high.");
    }
    if (found.rows.some(function (row) { return /unrelated/.test(row.flag); })) {
      list.push("Items that are hard in the source language are no harder in a target language, as if the questions were others. Compare some: is an id the same question, with the same right answer?");
    }
    if (found.repeated.length) {
      list.push("Nearly always the same answer to an item: " + found.repeated.slice(0, 5).join(", ") + ". At temperature 0, or from a cache, repeats say nothing of hardness, so they count as one answer.");
    }
    if (found.rows.some(function (row) { return /extrapolated/.test(row.flag); })) {
      list.push("Extrapolated: most of the hardness scale has too few items of this model. f(.95) says what can be said.");
    }
    return list;
  }

  function chart(rows) {
    var NS = "http://www.w3.org/2000/svg", width = 640, left = 170, right = 620, step = 26, height = rows.length * step + 40;
    var low = Math.min(0, Math.min.apply(null, rows.map(function (r) { return isFinite(r.low) ? r.low : r.hat; })));
    var high = Math.max(1, Math.max.apply(null, rows.map(function (r) { return isFinite(r.high) ? r.high : r.hat; })));
    function x(value) { return left + (value - low) / (high - low) * (right - left); }
    function part(tag, attributes, words) {
      var node = document.createElementNS(NS, tag);
      Object.keys(attributes).forEach(function (key) { node.setAttribute(key, attributes[key]); });
      if (words !== undefined) node.textContent = words;
      svg.appendChild(node);
      return node;
    }
    var svg = document.createElementNS(NS, "svg");
    svg.setAttribute("xmlns", NS);
    svg.setAttribute("viewBox", "0 0 " + width + " " + height);
    svg.setAttribute("role", "img");
    svg.setAttribute("class", "hat-intervals");
    svg.setAttribute("aria-label", "HAT with 95% intervals. " + rows.slice(0, 12).map(function (r) { return r.model + " " + number(r.hat, 2); }).join(", ") + ".");
    for (var tick = Math.ceil(low * 5) / 5; tick <= high + 1e-9; tick += 0.2) {
      part("line", { x1: x(tick), x2: x(tick), y1: 6, y2: height - 30, stroke: "currentColor", "stroke-opacity": 0.15 });
      part("text", { x: x(tick), y: height - 14, "text-anchor": "middle", "font-size": 12, fill: "currentColor" }, tick.toFixed(1));
    }
    rows.forEach(function (row, i) {
      var y = 20 + i * step;
      part("text", { x: left - 10, y: y + 4, "text-anchor": "end", "font-size": 13, fill: "currentColor" }, row.model.length > 22 ? row.model.slice(0, 21) + "…" : row.model);
      if (isFinite(row.low)) part("line", { x1: x(row.low), x2: x(row.high), y1: y, y2: y, stroke: "currentColor", "stroke-width": 2 });
      part("circle", { cx: x(row.hat), cy: y, r: 5, fill: "#d95f02" });
    });
    return svg;
  }

  function shellName() { return /^[\w.-]+$/.test(name) ? name : "'" + name.replace(/'/g, "'\\''") + "'"; }
  function command(words) {
    made("p", out, "The same, and more, on the command line:");
    made("code", made("pre", out), words);
  }

  function save(words, type, file) {
    var link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([words], { type: type }));
    link.download = file;
    link.click();
    setTimeout(function () { URL.revokeObjectURL(link.href); }, 1000);
  }
  function csvOf(rows) {
    if (!rows.length) return "";
    var heads = Object.keys(rows[0]);
    function cell(value) {
      var words = typeof value === "number" ? (isFinite(value) ? String(Number(value.toPrecision(8))) : "") : String(value);
      if (typeof value !== "number" && /^[=+\-@\t\r]/.test(words)) words = "'" + words;
      return /[",\n\r]/.test(words) ? '"' + words.replace(/"/g, '""') + '"' : words;
    }
    return [heads.join(",")].concat(rows.map(function (row) { return heads.map(function (h) { return cell(row[h]); }).join(","); })).join("\n") + "\n";
  }
  function results() {
    if (last.csv) return last.csv;
    return last.found.reduce(function (all, found) {
      return all.concat(found.rows.map(function (row) {
        return Object.assign({ benchmark: found.benchmark }, row, { tie_group: row.tie_group || "", source: found.source, chance: found.chance });
      }));
    }, []);
  }
  function button(parent, words, action) {
    var part = made("button", parent, words);
    part.type = "button";
    part.addEventListener("click", action);
    return part;
  }
  function actions() {
    var row = made("p", out, null, "hat-choices");
    button(row, "Results as CSV", function () { save(csvOf(results()), "text/csv", "hat-results.csv"); });
    button(row, "Results as JSON", function () { save(JSON.stringify(results(), function (key, value) { return typeof value === "number" && !isFinite(value) ? null : value; }, 1), "application/json", "hat-results.json"); });
    var drawn = out.querySelector("svg.hat-intervals");
    if (drawn) button(row, "Chart as SVG", function () { save(new XMLSerializer().serializeToString(drawn), "image/svg+xml", "hat-results.svg"); });
    button(row, "Link to these data", function () {
      pack(text).then(function (packed) {
        if (packed.length > MOST_LINK) { said.textContent = "The data are too large for a link. Send the file instead."; return; }
        history.replaceState(null, "", "#data=" + packed + (chance.value ? "&chance=" + encodeURIComponent(chance.value) : "") + (source.value ? "&source=" + encodeURIComponent(source.value) : ""));
        said.textContent = "The address of this page now holds the data. Copy it to share them.";
      });
    });
  }

  // A link holds the data in its fragment, which browsers do not send to anybody.
  function pack(words) {
    var stream = new Blob([words]).stream().pipeThrough(new CompressionStream("deflate-raw"));
    return new Response(stream).arrayBuffer().then(function (buffer) {
      var bytes = "";
      new Uint8Array(buffer).forEach(function (byte) { bytes += String.fromCharCode(byte); });
      return btoa(bytes).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
    });
  }
  function unpack(packed) {
    var bytes = Uint8Array.from(atob(packed.replace(/-/g, "+").replace(/_/g, "/")), function (c) { return c.charCodeAt(0); });
    var reader = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw")).getReader();
    var decoder = new TextDecoder(), words = "";
    function next() {
      return reader.read().then(function (part) {
        if (part.done) return words;
        words += decoder.decode(part.value, { stream: true });
        if (words.length > 2e6) throw new Error("too large"); // a small link may hold a very large table
        return next();
      });
    }
    return next();
  }

  // Input ----------------------------------------------------------------------------------------

  function take(words, called) {
    name = called || "responses.csv";
    // A text area with a large file in it would freeze the page: its beginning is shown.
    whole = words.length > MOST_SHOWN ? words : null;
    area.value = whole === null ? words : words.slice(0, words.indexOf("\n", 2000)) + "\n… (the whole file is scored)\n";
    drawEditor();
    run();
  }
  function takeFile(chosen) {
    if (!chosen) return;
    if (chosen.size > MOST_TEXT) { problems([chosen.name + ": the file is too large for this page. Use `hat score` or, for raw trials, `hat aggregate`."]); return; }
    chosen.text().then(function (words) {
      take(words, chosen.name);
      if (!words.trim()) problems([chosen.name + ": the file is empty: there are no rows. It needs rows."]);
    });
  }

  // Small tables can be edited cell by cell.
  function drawEditor() {
    edit.textContent = "";
    var lines = area.value.length > 20000 ? [] : area.value.split(/\r\n|\n|\r/).filter(Boolean);
    edit.parentNode.hidden = whole !== null || !lines.length || lines.length > MOST_EDIT || /"/.test(area.value);
    if (edit.parentNode.hidden) return;
    var mark = /\t/.test(lines[0]) ? "\t" : /;/.test(lines[0]) ? ";" : ",";
    var cells = lines.map(function (line) { return line.split(mark); });
    var all = made("table", edit, null, "hat-plain hat-editor");
    cells.forEach(function (row, r) {
      var line = made("tr", all);
      row.forEach(function (cell, c) {
        if (!r) { made("th", line, cell).scope = "col"; return; }
        var input = made("input", made("td", line));
        input.value = cell;
        input.setAttribute("aria-label", (cells[0][c] || "column " + (c + 1)) + ", row " + r);
        input.addEventListener("change", function () {
          cells[r][c] = input.value.replace(/[\r\n]/g, " ");
          area.value = cells.map(function (each) { return each.join(mark); }).join("\n") + "\n";
          run();
        });
      });
    });
    button(edit, "Add a row", function () {
      area.value = lines.concat([cells[cells.length - 1].join(mark)]).join("\n") + "\n";
      drawEditor();
      var rows = edit.querySelectorAll("tr");
      rows[rows.length - 1].querySelector("input").focus();
    });
  }

  var timer = 0;
  area.addEventListener("input", function () {
    whole = null;
    clearTimeout(timer); timer = setTimeout(function () { drawEditor(); run(); }, 500);
  });
  source.addEventListener("change", run);
  chance.addEventListener("change", run);
  file.addEventListener("change", function () { takeFile(file.files[0]); });
  function tryOut(items) { chance.value = "0"; take(core.example(items), "example.csv"); } // they do not guess
  find("example").addEventListener("click", function () { tryOut(); });
  find("fewer").addEventListener("click", function () { tryOut(30); });
  find("small").addEventListener("click", function () {
    take("model,language,accuracy\nAsh,en,0.62\nAsh,de,0.51\nAsh,sw,0.34\nBirch,en,0.84\nBirch,de,0.77\nBirch,sw,0.60\n", "accuracies.csv");
  });
  find("clear").addEventListener("click", function () { history.replaceState(null, "", location.pathname + location.search); chance.value = ""; take("", ""); area.focus(); });
  ["dragover", "drop"].forEach(function (kind) {
    root.addEventListener(kind, function (event) {
      event.preventDefault();
      if (kind === "drop") takeFile(event.dataTransfer.files[0]);
    });
  });
  root.querySelector(".hat-calculator-live").hidden = false;
  languages([]);
  drawEditor();
  var asked = new URLSearchParams(location.hash.slice(1));
  if (asked.get("data")) {
    chance.value = asked.get("chance") || "";
    Promise.resolve(asked.get("data")).then(unpack).then(function (words) {
      if (asked.get("source")) { made("option", source, asked.get("source")).value = asked.get("source"); source.value = asked.get("source"); }
      take(words, "linked.csv");
    }).catch(function () { problems(["the data in the address of this page cannot be read."]); });
  }
})();
