/* The HAT score in plain JavaScript: reads a table, checks it, and scores it as `hat score` does.
   One function without outside names, so that the page can run its text in a worker.
   tests/browser/test_calculator.py holds its numbers against hatlib. */
function hatCore() {
  "use strict";
  // As in hatlib/metric: change them there first.
  var GRID_POINTS = 41, EM_STEPS = [40, 1500], MIN_ITEMS = 10, CLEAR_OF_CHANCE = 2, SURELY_WRONG = 0.2, SUPPORTED = 0.7;
  var SLICES = 5, ENOUGH_ITEMS = 10, GAP = 2, KNOTS = 12, SMOOTHNESS = 0.3;
  var TERMS = 5, SOFT = 0.02, TINY = 1e-3, SHIFT_SD = 2, SLOPE_SD = 0.5, BEND_SD = 0.35;
  var COMMON_SD = [3, 1, 0.7], DECAY = 0.6, PRIOR_MODELS = 3, STEPS = 25, EVIDENCE = 4, MANY_SHAPES = 10, FAR = 2;
  var NEARBY = 0.85, REPEATED = 0.03, ENOUGH_TO_SEE = 5, DISAGREE = 2, UNLIKELY = 3, CHECKS = 40, UNREAD = 0.1, MIN_MODELS = 5;
  var SOME_ITEMS = 400, SOME_MODELS = 20, FIT_STEPS = 30, WORTH = 3, MUCH_LIKELIER = 8, LOW = 0.35, LEVELS = [0, 0.1, 0.2, 0.25, 1 / 3, 0.5];
  var NOT_HERE = "not scored here";
  var MOST_MESSAGES = 30;
  // Names of multiple-choice benchmarks, as in hatlib/data/multiple_choice.toml.
  var CHOICES = {
    0: "mgsm afrimgsm msvamp gsm8k gsm-plus gsm-symbolic math500 math-500 polymath aime eclektic humaneval mbpp codereval classeval triviaqa simpleqa popqa nq-open squad xquad mlqa tydiqa",
    2: "winogrande xwinograd copa xcopa storycloze xstorycloze paws paws-x pawsx boolq piqa global-piqa wsc cola sst2",
    3: "xnli mnli anli afrixnli social-iqa siqa mlama",
    4: "mmlu mmmlu m-mmlu cmmlu global-mmlu global-mmlu-lite mmlu-lite afrimmlu indommlu kmmlu arabicmmlu turkishmmlu arc m-arc arc-easy arc-challenge arc-e arc-c uhura-arc hellaswag m-hellaswag goldenswag belebele include include-base openbookqa sciq race gpqa m3exam exams blend",
    5: "commonsenseqa csqa x-csqa commonsense-qa x-codah",
    10: "mmlu-pro mmlu-prox mmlu-prox-lite"
  };

  // What is no code of a language, or another one's, as in hatlib/data/languages.toml.
  function named(values) { return Object.assign(Object.create(null), values); } // whatever a name is, it finds no method
  var NO_LANGUAGE = "all any ave average avg macro mean micro mis mixed mul multi multilingual none other overall sum tot total und unk unknown zxx".split(" ");
  var NOT_HEADS = "api dev gap key llm mac max med min num org row run se src std tgt top url val var".split(" ");
  var COUNTRIES = named({ al: "sq", cn: "zh", cz: "cs", dk: "da", ge: "ka", gr: "el", il: "he", in: "hi", ir: "fa", jp: "ja", kr: "ko", rs: "sr", se: "sv", sp: "es", ua: "uk", vn: "vi" });
  var OWN = named({ in: ["id", "Indonesian"], kr: ["kau", "Kanuri"], se: ["sme", "Northern Sami"] });
  var USUAL = named({ als: "sq", arb: "ar", azj: "az", cmn: "zh", khk: "mn", lvs: "lv", npi: "ne", ory: "or", pbt: "ps", pes: "fa", swh: "sw", uzn: "uz", zsm: "ms", twi: "tw" });
  // ISO 639-1, and what FLORES-200 and the book have beyond it. Browsers differ in the names that they know.
  var LANGUAGES = ("aa ab ae af ak am an ar as av ay az ba be bg bh bi bm bn bo br bs ca ce ch co cr cs cu cv cy da de dv dz ee el en eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id ie ig ii ik io is it iu ja jv ka kg ki kj kk kl km kn ko ks ku kv kw ky la lb lg li ln lo lt lu lv mg mh mi mk ml mn mr ms mt my na nb nd ne ng nl nn no nr nv ny oc oj om or os pa pi pl ps pt qu rm rn ro ru rw sa sc sd sg si sk sl sm sn so sq sr ss st su sv sw ta te tg th ti tk tn to tr ts tt tw ty ug uk ur uz ve vi vo wa wo xh yi yo za zh zu " +
    "ace acm acq aeb ajp apc ars ary arz ast awa ayr azb ban bem bho bjn bug ceb cjk ckb crh dik dyu fil fon fur fuv gaz hne ilo kab kac kam kbp kea kmb kmr knc lij lmo ltg lua luo lus mag mai min mni mos nso nus pag pap plt quy sat scn shn szl taq tpi tum tzm umb vai vec war ydd yue").split(" ");
  var OF_THEIR_OWN = "ajp ayr dik gaz kmr knc plt tw ydd".split(" "); // browsers take them for wider ones
  // Chance levels that the book knows, as in data/benchmarks.csv.
  var BOOK_CHANCE = named({});
  [[0, "mgsm afrimgsm mgsm-forced gsm-symbolic gsm-symbolic-original truthfulqa-human truthfulqa-bleu math-translated x-fakt codereval-java codereval-python classeval nodehaus-agent"],
   [0.1, "mmlu-prox"],
   [0.2, "clika-csqa"],
   [0.25, "hellaswag mmmlu mmlu-translated belebele afrimmlu mmlu-african-college-medicine mmlu-african-clinical-knowledge mmlu-african-virology"],
   [0.333333, "xnli xnli-first200 xnli-attacked"],
   [0.5, "xstorycloze xwinograd paws-x copa-dialects polyglot-facts winogrande-african"]].forEach(function (pair) {
    pair[1].split(" ").forEach(function (name) { BOOK_CHANCE[name] = pair[0]; });
  });

  // Reading: what is refused, and in which words, is as in hatlib/data ---------------------------

  var ROW = "Fill it in, or remove the row.", MISSING = "Fill it in, or remove the row if the model was not evaluated.";
  var POINT = "Write it with a decimal point and without a sign for per cent, such as 0.87.";
  var NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

  function listing(words, most) {
    most = most || 8;
    return words.slice(0, most).join(", ") + (words.length > most ? " and " + (words.length - most) + " more" : "");
  }
  function index(map, key) {
    var i = map.get(key);
    if (i === undefined) { i = map.size; map.set(key, i); }
    return i;
  }

  /* The lines of a text as cells, and the line of a quote that does not end well. */
  function splitTable(text) {
    var head = (/[^\r\n]*\S[^\r\n]*/.exec(text) || [""])[0];
    var mark = [",", "\t", ";"].sort(function (a, b) { return head.split(b).length - head.split(a).length; })[0];
    var rows = [], row = [], cell = "", quoted = false, line = 1, start = 1, i = 0, n = text.length;
    function filled(cells) { return cells.some(function (each) { return each.trim(); }); }
    if (text.indexOf('"') < 0) { // the fast way
      text.split(/\r\n|\n|\r/).forEach(function (each, at) {
        var cells = each.split(mark);
        if (filled(cells)) rows.push({ line: at + 1, cells: cells });
      });
      return { rows: rows };
    }
    function endRow() {
      row.push(cell);
      if (filled(row)) rows.push({ line: start, cells: row });
      row = []; cell = ""; line += 1; start = line;
    }
    for (; i < n; i++) {
      var c = text[i];
      if (quoted) {
        if (c === '"' && text[i + 1] === '"') { cell += '"'; i++; }
        else if (c === '"') {
          quoted = false;
          if (i + 1 < n && [mark, "\n", "\r"].indexOf(text[i + 1]) < 0) return { rows: rows, quote: start };
        } else { if (c === "\n") line += 1; cell += c; }
      } else if (c === '"' && cell === "") quoted = true;
      else if (c === mark) { row.push(cell); cell = ""; }
      else if (c === "\n" || c === "\r") { if (c === "\r" && text[i + 1] === "\n") i++; endRow(); }
      else cell += c;
    }
    if (quoted) return { rows: rows, quote: start };
    if (cell !== "" || row.length) endRow();
    return { rows: rows };
  }

  /* The usual code of a language that is named by a code or in English; "" if it is none. */
  var knownCodes = new Map();
  function languageOf(text) {
    if (!knownCodes.has(text)) {
      var tag = text.replace(/_/g, "-").split("-");
      tag[0] = USUAL[tag[0].toLowerCase()] || tag[0];
      knownCodes.set(text, shortTag(tag.join("-")) || byName(text.toLowerCase().replace(/_/g, " ")));
    }
    return knownCodes.get(text);
  }
  function shortTag(tag) {
    var small = tag.toLowerCase();
    if (COUNTRIES[small] || NO_LANGUAGE.indexOf(small) >= 0) return "";
    if (OF_THEIR_OWN.indexOf(small.split("-")[0]) >= 0) return tag;
    try {
      var locale = new Intl.Locale(tag), goal = locale.maximize(), script = locale.script || goal.script;
      if (locale.language.length > 3 || (locale.language.length === 2 && LANGUAGES.indexOf(locale.language) < 0 && !OWN[locale.language])) return "";
      if (/-x-/.test(small)) return locale.toString();
      var forms = [locale.language, locale.language + "-" + script, locale.language + "-" + locale.region], form = locale.baseName;
      if (locale.script || locale.region) { // those that go without saying
        form = forms.filter(function (each) { return !/undefined/.test(each) && new Intl.Locale(each).maximize().baseName === goal.baseName; })[0] || form;
      }
      return OWN[form] ? OWN[form][0] : form;
    } catch (problem) { return ""; }
  }
  function byName(name) {
    var display = new Intl.DisplayNames(["en"], { type: "language", fallback: "none" });
    return LANGUAGES.filter(function (code) { return (display.of(code) || "").toLowerCase() === name; })[0] || "";
  }
  function noLanguage(text) {
    var small = text.toLowerCase(), own = OWN[small];
    if (COUNTRIES[small]) {
      return ["this is the code of a country, " + (own ? "or of " + own[1] : "not of a language") + ".",
        "Write " + COUNTRIES[small] + " if that is meant" + (own ? ", or " + own[0] : "") + "."];
    }
    if (NO_LANGUAGE.indexOf(small) >= 0) return ["this stands for several languages or none.", "Leave these rows out: they are no answers."];
    return ["the value is not a language code.", "Use a code of ISO 639, such as en, de or sw."];
  }

  /* A table as text -> {kind, problems, read, ...}. `kind` is "responses" or "accuracies". */
  function readTable(text, file) {
    file = file || "the table";
    var stem = file.replace(/\.(csv|tsv|txt)$/i, ""), found = [], said = [];
    function wrong(line, column, what, value, remedy) {
      value = value === undefined ? "" : String(value).replace(/[\u0000-\u001f]/g, "\ufffd");
      var place = [file, line ? "line " + line : "", column ? "column " + column : ""].filter(Boolean).join(", ");
      if (value.length > 80) value = value.slice(0, 79) + "…";
      found.push({ line: line || 0, column: column || "", text: place + ": " + what + (value ? " (found: " + value + ")" : "") + (remedy ? " " + remedy : "") });
    }
    function result(kind, rest) {
      found.sort(function (a, b) { return a.line - b.line || (a.column < b.column ? -1 : a.column > b.column ? 1 : 0); });
      var problems = found.slice(0, MOST_MESSAGES).map(function (each) { return each.text; });
      if (found.length > MOST_MESSAGES) problems.push("… and " + (found.length - MOST_MESSAGES) + " problems more.");
      return Object.assign({ kind: kind, problems: problems, read: said, stem: stem }, rest);
    }
    function refuse(line, what, remedy) { wrong(line, "", what, "", remedy); return result(""); }

    text = text.replace(/^\uFEFF/, "");
    if (/[\u0000\ufffd]/.test(text.slice(0, 1e6)) || /^PK/.test(text)) {
      return refuse(0, "this is no text in UTF-8.", "Save it as CSV in UTF-8, or use hat score, which also reads Parquet, spreadsheets and packed files.");
    }
    if (/^\s*[[{]/.test(text)) return refuse(0, "this is JSON.", "This page reads CSV; hat score also reads JSON, and hat import reads logs.");
    var split = splitTable(text), rows = split.rows;
    if (split.quote) return refuse(split.quote, "a quote does not end where the field does.", "Save it as CSV in UTF-8.");
    if (!rows.length) return refuse(0, "the file is empty: there are no rows.", "It needs rows.");
    var top = rows.shift(), head = top.cells.map(function (name) { return name.trim().toLowerCase().replace(/ /g, "_"); });
    var twice = head.filter(function (name, i) { return name && head.indexOf(name) < i; });
    if (twice.length) return refuse(top.line, "column " + listing(twice) + " stands twice.", "Keep one.");
    var unnamed = head.map(function (name, i) { return name ? 0 : i + 1; }).filter(Boolean);
    if (unnamed.length) return refuse(top.line, "column " + listing(unnamed) + " has no name.", "Name or remove it.");
    rows.forEach(function (row) {
      if (row.cells.length !== head.length) {
        wrong(row.line, "", "the line has " + row.cells.length + " fields where the header has " + head.length + ".", "", "Quote a text that holds the separator.");
      }
    });
    if (found.length) return result("");
    [["item_id", "item"], ["n_samples", "n_trials"]].forEach(function (pair) {
      if (head.indexOf(pair[0]) < 0 || head.indexOf(pair[1]) >= 0) return;
      head[head.indexOf(pair[0])] = pair[1];
      said.push("column " + pair[0] + " read as " + pair[1]);
    });
    var at = new Map(head.map(function (name, i) { return [name, i]; }));
    function has(name) { return at.has(name); }
    function get(row, name) { return has(name) ? row.cells[at.get(name)].trim().normalize("NFC") : ""; }
    var items = !has("accuracy") && (has("item") || has("n_correct") || has("correct"));
    var spoken = head.filter(function (name) { return name.length <= 8 && NOT_HEADS.indexOf(name) < 0 && (COUNTRIES[name] || LANGUAGES.indexOf(languageOf(name).split("-")[0]) >= 0); });
    var wide = !items && has("model") && !has("language") && !has("accuracy") && spoken.length >= 2;
    var long = has("correct") && !has("n_correct");
    var needed = items ? ["model", "language", "item"].concat(long ? [] : ["n_correct", "n_trials"]) : wide ? ["model"] : ["model", "language", "accuracy"];
    var missing = needed.filter(function (name) { return !has(name); });
    if (missing.length) {
      return refuse(top.line, "there is no column " + listing(missing) + ".", (items
        ? "A file of answers needs the columns model, language and item, and n_correct and n_trials, or one row a trial with correct (1 or 0); source_language too if it varies by item."
        : "A file of accuracies needs the columns model, language and accuracy, or model and one column a language.") +
        " Columns found: " + listing(head, 20) + ".");
    }
    if (!rows.length) return refuse(0, "there is no row below the header.", "Add the data.");
    var spelt = new Map(); // texts where a language should stand
    function language(row, column, text) {
      if (!text) { if (column === "language") wrong(row.line, column, "the value is empty.", "", ROW); return ""; }
      if (column === "source_language" && text.toLowerCase() === "item") return "item";
      var code = languageOf(text), seen = spelt.get(column + text);
      if (seen) seen.n += 1; else spelt.set(column + text, { line: row.line, n: 1, column: column, text: text, code: code });
      return code;
    }
    function languagesRead() {
      var other = [];
      spelt.forEach(function (each) {
        if (each.code) { if (each.code !== each.text) other.push(each.text + " as " + each.code); return; }
        var why = noLanguage(each.text);
        if (each.n > 1) why[0] = why[0].slice(0, -1) + " (here and in " + (each.n - 1).toLocaleString("en") + " more rows).";
        wrong(each.line, each.column, why[0], each.text, why[1]);
      });
      if (other.length) said.push("languages in their standard form: " + listing(Array.from(new Set(other)).sort()));
    }
    function number(row, column, whole, text) {
      var value = NUMBER.test(text) ? Number(text) : NaN;
      if (isFinite(value) && (!whole || (value % 1 === 0 && Math.abs(value) <= 9007199254740992))) return value;
      wrong(row.line, column, "the value is not a " + (whole ? "whole number." : "number."), text, whole ? "" : POINT);
      return NaN;
    }
    return items ? readResponses() : readAccuracies();

    function readAccuracies() {
      var list = [], seen = new Map(), empty = 0, known = "model language accuracy benchmark n_items source setup version reasoning prompting".split(" ");
      function add(row, column, name, text) {
        var model = get(row, "model"), code = language(row, "language", name), before = found.length, value = NaN;
        if (!model) wrong(row.line, "model", "the value is empty.", "", ROW);
        if (text === "") wrong(row.line, column, "the value is missing.", "", MISSING);
        else value = number(row, column, false, text);
        if (value > 1) wrong(row.line, column, "the value is above 1.", text, "Accuracies are shares between 0 and 1: write 0.87 for 87%.");
        if (value < 0) wrong(row.line, column, "the value is below 0.", text, "Accuracies are shares between 0 and 1.");
        if (!code || found.length > before) return;
        var reasoning = get(row, "reasoning") || "none", other = [get(row, "version"), get(row, "setup"), reasoning === "none" ? "" : "reasoning " + reasoning, get(row, "prompting")].filter(Boolean);
        var benchmark = get(row, "benchmark"), called = model + (other.length ? " (" + other.join(", ") + ")" : "");
        var key = JSON.stringify([get(row, "source"), benchmark, called, code]);
        if (seen.has(key)) {
          wrong(row.line, wide ? name : "", "the row repeats the model and language of line " + seen.get(key) + ".", [model, reasoning, get(row, "prompting"), code].filter(Boolean).join(", "),
            "Keep one, or tell them apart in the columns prompting, setup or version.");
          return;
        }
        seen.set(key, row.line);
        list.push({ benchmark: [get(row, "source"), benchmark].filter(Boolean).join(", "), model: called, language: code, accuracy: value });
      }
      rows.forEach(function (row) {
        if (!wide) { add(row, "accuracy", get(row, "language"), get(row, "accuracy")); return; }
        spoken.forEach(function (name) { if (get(row, name) === "") empty += 1; else add(row, name, name, get(row, name)); });
      });
      languagesRead();
      if (empty) said.push(empty + " empty cells, as not evaluated");
      unused(known.concat(wide ? spoken : []));
      return result("accuracies", { rows: list });
    }

    function unused(known) {
      var rest = head.filter(function (name) { return known.indexOf(name) < 0; });
      if (rest.length) said.push("columns that this page does not use: " + listing(rest));
    }

    function readResponses() {
      var prompted = has("prompting"), benchmarks = new Map(), added = 0, repeats = [], n = 0;
      function count(row, column) {
        var text = get(row, column);
        if (text === "") { wrong(row.line, column, "the value is missing.", "", MISSING); return NaN; }
        if (column === "correct") text = text.toLowerCase().replace(/^true$/, "1").replace(/^false$/, "0");
        var value = number(row, column, true, text);
        if (column === "correct" && value === value && value !== 0 && value !== 1) {
          wrong(row.line, column, "the value is neither 1 nor 0.", text, "Write 1 for a right answer and 0 for any other; leave out what was not asked.");
          return NaN;
        }
        if (value < 0) { wrong(row.line, column, "the value is negative.", text, "Write a count: 0 or more."); return NaN; }
        return value;
      }
      rows.forEach(function (row) {
        var model = get(row, "model"), item = get(row, "item"), before = found.length;
        var name = has("benchmark") ? get(row, "benchmark") : stem;
        [["benchmark", name], ["item", item], ["model", model]].forEach(function (pair) {
          if (pair[1] === "") wrong(row.line, pair[0], "the value is empty.", "", ROW);
        });
        var code = language(row, "language", get(row, "language")), from = language(row, "source_language", get(row, "source_language"));
        var right = count(row, long ? "correct" : "n_correct"), trials = long ? 1 : count(row, "n_trials"), parsed = NaN, level = NaN;
        if (trials === 0) wrong(row.line, "n_trials", "the value is zero.", 0, "Remove the row if the item was not asked: no answer is not a wrong answer.");
        if (get(row, "n_parsed") !== "") parsed = count(row, "n_parsed");
        if (get(row, "chance_level") !== "") level = number(row, "chance_level", false, get(row, "chance_level"));
        if (level >= 1) wrong(row.line, "chance_level", "the value is not below 1.", level, "Write the accuracy of a guess: 0.25 for four options, 0 for free answers.");
        if (level < 0) wrong(row.line, "chance_level", "the value is below 0.", level, "Accuracies are shares between 0 and 1.");
        if (found.length > before) return;
        if (right > trials) wrong(row.line, "", "the row has more correct answers than trials.", "", "n_correct counts the right ones among n_trials.");
        if (parsed < right) wrong(row.line, "", "the row has an n_parsed below n_correct.", "", "An answer that could not be read counts as wrong.");
        if (parsed > trials) wrong(row.line, "", "the row has an n_parsed above n_trials.", "", "n_parsed counts the answers that could be read.");
        if (found.length > before || !code) return;
        var book = benchmarks.get(name);
        if (!book) {
          book = { name: has("benchmark") ? name : "", label: name, models: new Map(), languages: new Map(), items: new Map(), promptings: new Map(), cells: new Map(), parsed: new Map(),
            cluster: [], stratum: [], from: [], unsaid: false, levels: new Set() };
          benchmarks.set(name, book);
        }
        var m = index(book.models, model), l = index(book.languages, code), i = index(book.items, item), p = index(book.promptings, get(row, "prompting"));
        var key = (m * 1024 + l) * 4194304 + i, cell = book.cells.get(key);
        var again = cell && !long && (cell[2].length > p ? cell[2][p] : 0);
        if (again) repeats.push([row.line, again, code, [model, get(row, "prompting"), code, item].filter(Boolean).join(", ")]);
        if (!cell) { cell = [0, 0, []]; book.cells.set(key, cell); }
        cell[0] += right; cell[1] += trials; cell[2][p] = row.line;
        if (parsed === parsed) {
          var sums = book.parsed.get(m * 1024 + l) || [0, 0];
          book.parsed.set(m * 1024 + l, [sums[0] + parsed, sums[1] + trials]);
        }
        if (level === level) book.levels.add(level);
        if (!from) book.unsaid = true;
        [["cluster", get(row, "cluster")], ["stratum", get(row, "stratum")], ["from", from]].forEach(function (pair) {
          var kept = book[pair[0]][i];
          if (pair[0] === "from" && !pair[1]) return;
          if (kept === undefined) book[pair[0]][i] = pair[1];
          else if (kept !== null && kept !== pair[1]) {
            var column = pair[0] === "from" ? "source_language" : pair[0];
            book[pair[0]][i] = null;
            wrong(0, column, "an item of " + name + " has more than one " + column + ".", item, "Give each item one " + column + ", the same for all models and languages.");
          }
        });
        n += 1; added += trials;
      });
      languagesRead();
      var forms = new Map();
      spelt.forEach(function (each) { if (each.column === "language" && each.code) forms.set(each.code, (forms.get(each.code) || []).concat(each.text)); });
      repeats.forEach(function (each) {
        var spellings = forms.get(each[2]);
        if (spellings.length > 1) {
          if (spellings.said) return;
          spellings.said = true;
          wrong(0, "language", listing(spellings) + " are one language, " + each[2] + ", with more than one row for an item.", "", "Keep one; name another version of the items in the column benchmark.");
        } else wrong(each[0], "", "the row repeats the model, language and item of line " + each[1] + ".", each[3], "Keep one, or tell them apart in the column prompting.");
      });
      if (found.length) return result("responses");
      if (long) said.push(n.toLocaleString("en") + " trials added up");
      unused("benchmark model language item n_correct n_trials correct prompting source_language cluster stratum n_parsed chance_level".split(" "));
      var tables = Array.from(benchmarks.values(), denseTable);
      return result("responses", { tables: tables });
    }
  }

  function denseTable(book) {
    var models = Array.from(book.models.keys()), languages = Array.from(book.languages.keys()), nL = languages.length;
    var nItems = book.items.size, size = models.length * nL * nItems, unread = zeros(models.length * nL).fill(NaN);
    var right = new Float64Array(size), trials = new Float64Array(size), prompts = zeros(models.length * nL), groups = new Map();
    var named = !(book.promptings.size === 1 && book.promptings.has(""));
    var asked = models.map(function () { return languages.map(function () { return new Set(); }); });
    book.cells.forEach(function (cell, key) {
      var i = key % 4194304, rest = (key - i) / 4194304, l = rest % 1024, m = (rest - l) / 1024;
      var at = (m * nL + l) * nItems + i;
      right[at] = cell[0];
      trials[at] = cell[1];
      if (named) cell[2].forEach(function (line, p) { asked[m][l].add(p); });
    });
    asked.forEach(function (row, m) { row.forEach(function (set, l) { prompts[m * nL + l] = set.size; }); });
    book.parsed.forEach(function (sums, key) { unread[Math.floor(key / 1024) * nL + key % 1024] = 1 - sums[0] / sums[1]; });
    return { benchmark: book.name, label: book.label, models: models, languages: languages, nItems: nItems, right: right, trials: trials, order: Array.from(book.items.keys()).map(function (name, i) { return [name, i]; }).sort(function (x, y) { return x[0] < y[0] ? -1 : 1; }).map(function (pair) { return pair[1]; }),
      cluster: book.cluster.map(function (name, i) { return index(groups, name ? "a" + name : i); }),
      strata: new Set(book.stratum).size, prompts: prompts, promptings: named ? book.promptings.size : 0, unread: book.parsed.size ? unread : null,
      levels: Array.from(book.levels).sort(function (a, b) { return a - b; }), sources: Array.from(new Set(book.from)).filter(Boolean).sort(), unsaid: book.unsaid };
  }

  /* The scores of a table that was read, one of each benchmark; what is wrong goes to its problems.
     Job: source and chance where they were chosen, and what `score` takes. */
  function scoreAll(read, job) {
    var found = [];
    if (read.kind === "accuracies" && !read.problems.length) {
      var codes = Array.from(new Set(read.rows.map(function (row) { return row.language; }))).sort(), from = job.source || "en";
      if (codes.length === 1) read.problems.push("the only language is " + codes[0] + ": there is no target language. Add the figures in other languages.");
      else if (codes.indexOf(from) < 0) read.problems.push(noSource("no figure", "figures", from, codes));
    }
    if (read.problems.length || read.kind !== "responses") return found;
    function noSource(none, noun, source, codes) {
      return none + " is in the source language " + source + ". Add the " + noun + " in that language, or make another one the source_language (languages read: " + listing(codes.slice().sort(), 20) + ").";
    }
    read.tables.forEach(function (table) {
      function refuse(text) { read.problems.push(text); }
      var name = table.label, sources = job.source ? [] : table.sources, source = job.source || sources[0] || "en";
      var told = job.chance !== null && job.chance !== undefined, level = told ? job.chance : table.levels.concat(BOOK_CHANCE[name])[0];
      if (!told && table.levels.length > 1) {
        return refuse("column chance_level: " + name + " has more than one chance_level. (found: " + table.levels.join(", ") + ") Give a benchmark one, the same in all rows; where the number of options differs, the mean of 1 / their number.");
      }
      if (sources.length && table.unsaid) return refuse("column source_language: some rows of " + name + " have no source_language. Fill the column in for all rows, or name one source language.");
      if (sources.length > 1 || source === "item") {
        return refuse("the source language of " + name + " varies by item, which this page does not score: hat score " + read.stem + ".csv does. Or choose one source language above.");
      }
      if (table.languages.length < 2) return refuse("the only language of " + name + " is " + table.languages.join() + ": there is no target language. Add the answers in other languages.");
      if (table.languages.indexOf(source) < 0) return refuse(noSource("no answer to " + name, "answers", source, table.languages));
      var unsaid = level === undefined ? seenChance(table, source, 0) : null, doubt = unsaid ? doubtChance(table, unsaid) : "";
      if (doubt) return refuse(doubt);
      found.push(score(table, Object.assign({}, job, { source: source, chance: level || 0, unsaid: unsaid })));
    });
    return read.problems.length ? [] : found;
  }

  // Numbers --------------------------------------------------------------------------------------

  function zeros(n) { return new Float64Array(n); }
  function sigmoid(x) { return 1 / (1 + Math.exp(-x)); }
  function median(values) {
    var ordered = values.slice().sort(function (x, y) { return x - y; }), n = ordered.length;
    return (ordered[(n - 1) >> 1] + ordered[n >> 1]) / 2;
  }
  function rounded(x) { return x % 1 === 0.5 ? 2 * Math.round(x / 2) : Math.round(x); } // halves to the even number, as in NumPy
  function clip(x, low, high) { return Math.min(high, Math.max(low, x)); }

  function hardnessGrid(chance) {
    var grid = [];
    if (chance > 0) [0, 0.25, 0.5, 0.75].forEach(function (share) { grid.push(chance * share); });
    for (var i = 0; i < GRID_POINTS; i++) {
      grid.push(chance + (1 - chance) * Math.pow(Math.sin((i / (GRID_POINTS - 1)) * Math.PI / 2), 2));
    }
    return Float64Array.from(grid);
  }

  function binomial(k, n, p) {
    var logs = 0;
    if (p <= 0) return k === 0 ? 1 : 0;
    if (p >= 1) return k === n ? 1 : 0;
    for (var i = 1; i <= Math.min(k, n - k); i++) logs += Math.log((n - i + 1) / i);
    return Math.exp(logs + k * Math.log(p) + (n - k) * Math.log1p(-p));
  }

  /* The distribution of h that best explains how many items each cell has (EM). */
  function mixing(items, likelihood, nGrid, steps, out) {
    var nCells = items.length, total = 0, used = [], i, g, c, s;
    for (c = 0; c < nCells; c++) { total += items[c]; if (items[c] > 0) used.push(c); }
    out.fill(1 / nGrid);
    if (!total) return out;
    var gain = zeros(nGrid);
    for (s = 0; s < steps; s++) {
      gain.fill(0);
      for (i = 0; i < used.length; i++) {
        c = used[i];
        var expected = 0, from = c * nGrid;
        for (g = 0; g < nGrid; g++) expected += out[g] * likelihood[from + g];
        var factor = items[c] / total / Math.max(expected, 1e-300);
        for (g = 0; g < nGrid; g++) gain[g] += factor * likelihood[from + g];
      }
      for (g = 0; g < nGrid; g++) out[g] *= gain[g];
    }
    return out;
  }

  function posteriorOf(distribution, likelihood, nCells, nGrid, out) {
    for (var c = 0; c < nCells; c++) {
      var evidence = 0, plain = 0, from = c * nGrid, g;
      for (g = 0; g < nGrid; g++) { evidence += distribution[g] * likelihood[from + g]; plain += likelihood[from + g]; }
      for (g = 0; g < nGrid; g++) {
        out[from + g] = evidence > 1e-200 ? distribution[g] * likelihood[from + g] / evidence : likelihood[from + g] / Math.max(plain, 1e-300);
      }
    }
    return out;
  }

  function inverse(matrix, n) {
    var a = [], i, j, k;
    for (i = 0; i < n; i++) {
      a.push(new Float64Array(2 * n));
      for (j = 0; j < n; j++) a[i][j] = matrix[i * n + j];
      a[i][n + i] = 1;
    }
    for (i = 0; i < n; i++) {
      var best = i;
      for (k = i + 1; k < n; k++) if (Math.abs(a[k][i]) > Math.abs(a[best][i])) best = k;
      var swap = a[i]; a[i] = a[best]; a[best] = swap;
      var pivot = a[i][i];
      for (j = 0; j < 2 * n; j++) a[i][j] /= pivot;
      for (k = 0; k < n; k++) {
        if (k === i || !a[k][i]) continue;
        var factor = a[k][i];
        for (j = 0; j < 2 * n; j++) a[k][j] -= factor * a[i][j];
      }
    }
    var out = zeros(n * n);
    for (i = 0; i < n; i++) for (j = 0; j < n; j++) out[i * n + j] = a[i][n + j];
    return out;
  }

  /* Non-negative least squares of Lawson and Hanson; rows of `a` have n numbers. */
  function nnls(a, b, n) {
    var gram = [], right = zeros(n), i, j, r;
    for (i = 0; i < n; i++) {
      gram.push(zeros(n));
      for (r = 0; r < a.length; r++) right[i] += a[r][i] * b[r];
      for (j = 0; j < n; j++) for (r = 0; r < a.length; r++) gram[i][j] += a[r][i] * a[r][j];
    }
    var x = zeros(n), passive = [], tolerance = 1e-13;
    for (i = 0; i < n; i++) passive.push(false);
    function solve() {
      var at = [];
      for (i = 0; i < n; i++) if (passive[i]) at.push(i);
      var m = at.length, k;
      // By modified Gram-Schmidt on the columns themselves, which keeps the digits that the Gram matrix loses.
      var columns = at.map(function (c) { return Float64Array.from(a, function (row) { return row[c]; }); });
      var upper = [], q = [];
      for (j = 0; j < m; j++) {
        var v = columns[j].slice();
        upper.push(zeros(m));
        for (var pass = 0; pass < 2; pass++) {
          for (k = 0; k < j; k++) {
            var dot = 0;
            for (r = 0; r < v.length; r++) dot += q[k][r] * v[r];
            upper[k][j] += dot;
            for (r = 0; r < v.length; r++) v[r] -= dot * q[k][r];
          }
        }
        var norm = Math.sqrt(v.reduce(function (sum, value) { return sum + value * value; }, 0));
        upper[j][j] = norm;
        q.push(norm > 1e-14 ? v.map(function (value) { return value / norm; }) : zeros(v.length));
      }
      var z = zeros(n), y = zeros(m);
      for (j = m - 1; j >= 0; j--) {
        var sum = 0;
        for (r = 0; r < b.length; r++) sum += q[j][r] * b[r];
        for (k = j + 1; k < m; k++) sum -= upper[j][k] * y[k];
        y[j] = upper[j][j] > 1e-14 ? sum / upper[j][j] : 0;
        z[at[j]] = y[j];
      }
      return z;
    }
    for (var round = 0; round < 3 * n; round++) {
      var best = -1, most = tolerance * Math.max(1, Math.abs(right[0]));
      for (i = 0; i < n; i++) {
        if (passive[i]) continue;
        var w = right[i];
        for (j = 0; j < n; j++) w -= gram[i][j] * x[j];
        if (w > most) { most = w; best = i; }
      }
      if (best < 0) break;
      passive[best] = true;
      var z = solve();
      for (var inner = 0; inner < 3 * n; inner++) {
        var step = Infinity;
        for (i = 0; i < n; i++) if (passive[i] && z[i] <= 0) step = Math.min(step, x[i] / (x[i] - z[i]));
        if (step === Infinity) break;
        for (i = 0; i < n; i++) {
          if (!passive[i]) continue;
          x[i] += step * (z[i] - x[i]);
          if (x[i] <= 1e-15) { x[i] = 0; passive[i] = false; }
        }
        z = solve();
      }
      x = z;
    }
    return x;
  }

  // Student's t by the incomplete beta function.
  function logGamma(x) {
    var c = [76.18009172947146, -86.50532032941677, 24.01409824083091, -1.231739572450155, 0.1208650973866179e-2, -0.5395239384953e-5];
    var t = x + 5.5, sum = 1.000000000190015;
    t -= (x + 0.5) * Math.log(t);
    for (var j = 0; j < 6; j++) sum += c[j] / (x + 1 + j);
    return -t + Math.log(2.5066282746310005 * sum / x);
  }
  function betaShare(a, b, x) {
    if (x <= 0 || x >= 1) return x <= 0 ? 0 : 1;
    if (x > (a + 1) / (a + b + 2)) return 1 - betaShare(b, a, 1 - x);
    var front = Math.exp(logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log(1 - x));
    var c = 1, d = 1 / (1 - (a + b) * x / (a + 1)), h = d;
    for (var m = 1; m < 300; m++) {
      var even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
      d = 1 / (1 + even * d); c = 1 + even / c; h *= d * c;
      var odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
      d = 1 / (1 + odd * d); c = 1 + odd / c;
      var change = d * c;
      h *= change;
      if (Math.abs(change - 1) < 1e-15) break;
    }
    return front * h / a;
  }
  function tQuantile(share, freedom) {
    var low = 0, high = 100;
    for (var i = 0; i < 80; i++) {
      var t = (low + high) / 2;
      if (1 - 0.5 * betaShare(freedom / 2, 0.5, freedom / (freedom + t * t)) < share) low = t; else high = t;
    }
    return (low + high) / 2;
  }
  var NORMAL = 1.959963984540054;
  function reachOf(effective) { return tQuantile(0.975, Math.max(effective || 0, 11) - 1); }

  function generator(seed) { // mulberry32
    var state = seed >>> 0;
    function uniform() {
      state = (state + 0x6D2B79F5) >>> 0;
      var t = state;
      t = Math.imul(t ^ (t >>> 15), t | 1);
      t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
      return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
    }
    uniform.normal = function () {
      return Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
    };
    return uniform;
  }

  // Scoring --------------------------------------------------------------------------------------

  /* Sums of each model: cells by source count, with items, sums of rates and of squares. */
  function tabulate(table, source) {
    var nL = table.languages.length, nI = table.nItems, nM = table.models.length;
    var s = table.languages.indexOf(source);
    var targets = table.languages.filter(function (code) { return code !== source; }).sort();
    var nT = targets.length + 1;
    var codes = new Map(), base = 1, m, i, t, c;
    function at(model, language) { return (model * nL + language) * nI; }
    for (m = 0; m < nM; m++) for (i = 0; i < nI; i++) base = Math.max(base, table.trials[at(m, s) + i] + 1);
    for (m = 0; m < nM; m++) {
      for (i = 0; i < nI; i++) {
        var n = table.trials[at(m, s) + i];
        if (n) codes.set(n * base + table.right[at(m, s) + i], 0);
      }
    }
    var sorted = Array.from(codes.keys()).sort(function (a, b) { return a - b; });
    sorted.forEach(function (code, place) { codes.set(code, place); });
    var nC = sorted.length;
    var correct = sorted.map(function (code) { return code % base; });
    var trials = sorted.map(function (code) { return Math.floor(code / base); });
    var models = table.models.map(function (name, m) {
      var cell = new Int32Array(nI).fill(-1), rates = [], sourceItems = zeros(nC);
      var items = zeros(nT * nC), sums = zeros(nT * nC), squares = zeros(nT * nC), paired = zeros(4 * nT);
      for (t = 0; t < nT; t++) rates.push(zeros(nI).fill(NaN));
      for (i = 0; i < nI; i++) {
        var n = table.trials[at(m, s) + i];
        if (!n) continue;
        var rate = table.right[at(m, s) + i] / n, sum = 0, known = 0;
        c = codes.get(n * base + table.right[at(m, s) + i]);
        cell[i] = c;
        sourceItems[c] += 1;
        for (t = 1; t < nT; t++) {
          var l = table.languages.indexOf(targets[t - 1]), asked = table.trials[at(m, l) + i];
          if (!asked) continue;
          rates[t][i] = table.right[at(m, l) + i] / asked;
          sum += rates[t][i];
          known += 1;
        }
        if (known) rates[0][i] = sum / known;
        for (t = 0; t < nT; t++) {
          var value = rates[t][i];
          if (value !== value) continue;
          items[t * nC + c] += 1; sums[t * nC + c] += value; squares[t * nC + c] += value * value;
          paired[t] += 1; paired[nT + t] += rate; paired[2 * nT + t] += value; paired[3 * nT + t] += value * rate;
        }
      }
      return { name: name, cell: cell, rates: rates, sourceItems: sourceItems, items: items, sums: sums, squares: squares, paired: paired };
    });
    return { targets: targets, nT: nT, nC: nC, correct: correct, trials: trials, models: models };
  }

  function meanRates(items, sums, nT, nC) {
    var means = zeros(nT * nC);
    for (var c = 0; c < nC; c++) {
      var sum = 0, known = 0;
      for (var t = 1; t < nT; t++) {
        var n = items[t * nC + c];
        means[t * nC + c] = n ? sums[t * nC + c] / n : 0;
        if (n) { sum += means[t * nC + c]; known += 1; }
      }
      means[c] = known ? sum / known : 0;
    }
    return means;
  }

  function metricsOf(paired, nT) {
    var s = zeros(nT), t = zeros(nT), both = zeros(nT), i, k;
    for (i = 1; i < nT; i++) {
      s[i] = paired[nT + i] / paired[i];
      t[i] = paired[2 * nT + i] / paired[i];
      both[i] = paired[3 * nT + i] / paired[nT + i];
    }
    [s, t, both].forEach(function (values) {
      var sum = 0, known = 0;
      for (k = 1; k < nT; k++) if (isFinite(values[k])) { sum += values[k]; known += 1; }
      values[0] = known ? sum / known : NaN;
    });
    return { source: s, target: t, conditional: both };
  }

  function uniformWeights(grid, chance) {
    var w = zeros(grid.length), start = 0, g, sum = 0;
    while (grid[start] < chance - 1e-12) start++;
    for (g = start; g < grid.length - 1; g++) {
      var half = (grid[g + 1] - grid[g]) / 2;
      w[g] += half; w[g + 1] += half;
    }
    for (g = 0; g < w.length; g++) sum += w[g];
    for (g = 0; g < w.length; g++) w[g] /= sum;
    return w;
  }

  function slicesOf(weight, distribution, nItems) {
    var counts = zeros(SLICES), top = 0;
    for (var g = 0; g < weight.length; g++) {
      var bottom = top;
      top += weight[g] * SLICES;
      if (top - bottom <= 0) continue;
      for (var k = 0; k < SLICES; k++) {
        var overlap = Math.min(top, k + 1) - Math.max(bottom, k);
        if (overlap > 0) counts[k] += nItems * distribution[g] * overlap / (top - bottom);
      }
    }
    return counts;
  }

  /* The mixed model of profile.py on the logit scale: a common shape, and each model's own. */
  function fitAdaptive(data, posteriors, grid, chance) {
    var nT = data.nT, nC = data.nC, nG = grid.length, nM = data.models.length, P = TERMS;
    var u = Float64Array.from(grid, function (h) { return clip((h - chance) / (1 - chance), 0, 1); });
    var basis = zeros(nG * P), p, q, g, m, t, c, i;
    for (g = 0; g < nG; g++) {
      var z = Math.log((u[g] + SOFT) / (1 - u[g] + SOFT)) / Math.log((1 + SOFT) / SOFT), b = g * P;
      basis[b] = 1; basis[b + 1] = z;
      for (p = 2; p < P; p++) basis[b + p] = ((2 * p - 1) * z * basis[b + p - 1] - (p - 1) * basis[b + p - 2]) / p;
    }
    var bends = [1, DECAY, DECAY * DECAY];
    var commonSd = [COMMON_SD[0], COMMON_SD[1]].concat(bends.map(function (x) { return COMMON_SD[2] * x; }));
    var first = [SHIFT_SD, SLOPE_SD].concat(bends.map(function (x) { return BEND_SD * x; }));
    var level = zeros(nT), line = zeros(nT * nG), below = zeros(nT * nG);
    for (t = 1; t < nT; t++) {
      var sums = [0, 0, 0];
      data.models.forEach(function (model) { if (!model.silent) for (i = 0; i < 3; i++) sums[i] += model.paired[i * nT + t]; });
      level[t] = (sums[2] - chance * sums[0]) / Math.max(sums[1] - chance * sums[0], 1e-3 * Math.max(sums[0], 1));
      level[0] += level[t] / (nT - 1);
    }
    for (t = 0; t < nT; t++) {
      level[t] = clip(level[t], 0.002, 1);
      for (g = 0; g < nG; g++) {
        var share = (level[t] * u[g] + TINY) / (1 + 2 * TINY);
        line[t * nG + g] = Math.log(share / (1 - share));
        below[t * nG + g] = level[t] * Math.min(grid[g] - chance, 0);
      }
    }
    var fits = data.models.map(function (model) {
      var means = meanRates(model.items, model.sums, nT, nC), factor = zeros(nT);
      for (t = 0; t < nT; t++) {
        var within = 0, possible = 0, n = 0, filled = 0;
        for (c = 0; c < nC; c++) {
          var k = model.items[t * nC + c];
          if (!k) continue;
          var plain = model.sums[t * nC + c] / k;
          within += Math.max(model.squares[t * nC + c] - k * plain * plain, 0);
          possible += k * Math.max(plain * (1 - plain), 0);
          n += k; filled += 1;
        }
        within *= n / Math.max(n - filled, 1);
        factor[t] = (within + 0.01) / (possible + 0.02);
      }
      return { parameters: zeros(nT * P), means: means, factor: factor, weight: zeros(nT * nC), jacobian: zeros(nT * nC * P),
        information: [], covariance: [], precision: [], close: zeros(nT).fill(1), f: zeros(nT * nG), expected: zeros(nT * nC) };
    });
    function values(parameters, t, out) {
      for (g = 0; g < nG; g++) {
        var x = line[t * nG + g];
        for (p = 0; p < P; p++) x += parameters[t * P + p] * basis[g * P + p];
        out[g] = sigmoid(x);
      }
    }
    var spread = [];
    for (t = 0; t < nT; t++) spread.push(Float64Array.from(first));
    var s = zeros(nG), common = [], commonCovariance = [], change = [];
    for (t = 0; t < nT; t++) { common.push(zeros(P)); commonCovariance.push(null); }
    for (var step = 0; step < STEPS; step++) {
      var largest = 0;
      for (t = 0; t < nT; t++) {
        var known = zeros(P * P), pull = zeros(P), wants = [];
        for (m = 0; m < nM; m++) {
          var fit = fits[m], model = data.models[m], post = posteriors[m];
          var precision = fit.precision[t] = spread[t].map(function (x, j) { return (j ? fit.close[t] : 1) / (x * x); });
          var information = zeros(P * P), want = zeros(P);
          values(fit.parameters, t, s);
          for (c = 0; c < nC; c++) {
            var expected = 0, row = zeros(P), from = c * nG;
            for (g = 0; g < nG; g++) {
              var slope = post[from + g] * (1 - chance) * s[g] * (1 - s[g]);
              expected += post[from + g] * (chance + (1 - chance) * s[g] + below[t * nG + g]);
              for (p = 0; p < P; p++) row[p] += slope * basis[g * P + p];
            }
            expected = clip(expected, 1e-6, 1 - 1e-6);
            var weight = model.silent ? 0 : 1 / (fit.factor[t] * expected * (1 - expected) + 1e-4);
            fit.weight[t * nC + c] = weight;
            for (p = 0; p < P; p++) fit.jacobian[(t * nC + c) * P + p] = row[p];
            var w = weight * model.items[t * nC + c];
            if (!w) continue;
            for (p = 0; p < P; p++) {
              want[p] += w * row[p] * (fit.means[t * nC + c] - expected);
              for (q = 0; q < P; q++) information[p * P + q] += w * row[p] * row[q];
            }
          }
          for (p = 0; p < P; p++) for (q = 0; q < P; q++) want[p] += information[p * P + q] * fit.parameters[t * P + q];
          var matrix = information.slice();
          for (p = 0; p < P; p++) matrix[p * P + p] += precision[p];
          var covariance = inverse(matrix, P);
          fit.information[t] = information;
          fit.covariance[t] = covariance;
          for (p = 0; p < P; p++) {
            var shrunk = 0;
            for (q = 0; q < P; q++) {
              known[p * P + q] += (p === q ? precision[p] : 0) - precision[p] * covariance[p * P + q] * precision[q];
              shrunk += covariance[p * P + q] * want[q];
            }
            pull[p] += precision[p] * shrunk;
          }
          wants.push(want);
        }
        for (p = 0; p < P; p++) known[p * P + p] += 1 / (commonSd[p] * commonSd[p]);
        commonCovariance[t] = inverse(known, P);
        for (p = 0; p < P; p++) {
          common[t][p] = 0;
          for (q = 0; q < P; q++) common[t][p] += commonCovariance[t][p * P + q] * pull[q];
        }
        change = zeros(nM * P);
        for (m = 0; m < nM; m++) {
          var most = 0;
          for (p = 0; p < P; p++) {
            var next = 0;
            for (q = 0; q < P; q++) next += fits[m].covariance[t][p * P + q] * (wants[m][q] + fits[m].precision[t][q] * common[t][q]);
            change[m * P + p] = next - fits[m].parameters[t * P + p];
            most = Math.max(most, Math.abs(change[m * P + p]));
          }
          largest = Math.max(largest, most);
          var damp = Math.min(1, 2 / Math.max(most, 1e-12));
          for (p = 0; p < P; p++) fits[m].parameters[t * P + p] += change[m * P + p] * damp;
        }
        if (nM > 1 && step >= EVIDENCE) {
          var slopes = PRIOR_MODELS * SLOPE_SD * SLOPE_SD, bend = PRIOR_MODELS * BEND_SD * BEND_SD;
          for (m = 0; m < nM; m++) {
            var seconds = zeros(P), far = 0;
            for (p = 1; p < P; p++) {
              var own = fits[m].parameters[t * P + p] - common[t][p];
              seconds[p] = own * own + fits[m].covariance[t][p * P + p];
              far += seconds[p] / (spread[t][p] * spread[t][p]) / (P - 1);
            }
            if (nM >= MANY_SHAPES) fits[m].close[t] = Math.min(1, FAR / far);
            for (p = 1; p < P; p++) {
              var second = seconds[p] * fits[m].close[t];
              if (p === 1) slopes += second; else bend += second / (bends[p - 2] * bends[p - 2]) / (P - 2);
            }
          }
          spread[t][1] = Math.sqrt(slopes / (PRIOR_MODELS + nM));
          for (p = 2; p < P; p++) spread[t][p] = Math.sqrt(bend / (PRIOR_MODELS + nM)) * bends[p - 2];
        }
      }
      if (largest < 1e-7) break;
    }
    fits.forEach(function (fit) {
      fit.spread = spread.map(function (own, t) { return own.map(function (x, j) { return j ? x / Math.sqrt(fit.close[t]) : x; }); });
      for (t = 0; t < nT; t++) {
        values(fit.parameters, t, s);
        for (g = 0; g < nG; g++) fit.f[t * nG + g] = chance + (1 - chance) * s[g] + below[t * nG + g];
      }
    });
    return { fits: fits, commonCovariance: commonCovariance, commonSd: commonSd, values: values, below: below };
  }

  function directBasis(grid) {
    return Array.from(grid, function (h) {
      var row = zeros(KNOTS + 1);
      row[0] = 1;
      for (var k = 0; k < KNOTS; k++) row[k + 1] = clip((h - k / KNOTS) * KNOTS, 0, 1);
      return row;
    });
  }

  function fitDirect(items, means, posterior, basis, nC, nG) {
    var n = KNOTS + 1, total = 0, a = [], b = [], c, g, k;
    for (c = 0; c < nC; c++) {
      total += items[c];
      if (!items[c]) continue;
      var row = zeros(n), root = Math.sqrt(items[c]);
      for (g = 0; g < nG; g++) {
        var share = posterior[c * nG + g];
        if (share) for (k = 0; k < n; k++) row[k] += share * basis[g][k] * root;
      }
      a.push(row);
      b.push(root * means[c]);
    }
    var penalty = Math.sqrt(SMOOTHNESS * total / 10);
    for (k = 1; k < KNOTS; k++) {
      var bend = zeros(n);
      bend[k] = -penalty; bend[k + 1] = penalty;
      a.push(bend);
      b.push(0);
    }
    return nnls(a, b, n);
  }

  function optionsByName(benchmark) {
    var name = "-" + benchmark.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-+|-+$/g, "") + "-";
    var best = null, longest = 0;
    Object.keys(CHOICES).forEach(function (k) {
      CHOICES[k].split(" ").forEach(function (pattern) {
        if (pattern.length > longest && name.indexOf("-" + pattern + "-") >= 0) { longest = pattern.length; best = Number(k); }
      });
    });
    return best;
  }

  /* Number of options at whose chance level many accuracies lie, and none below; 0 if there is none. */
  function guessedOptions(table) {
    var rows = [], nI = table.nItems;
    for (var r = 0; r < table.models.length * table.languages.length; r++) {
      var n = table.trials.subarray(r * nI, (r + 1) * nI), k = table.right.subarray(r * nI, (r + 1) * nI), items = 0, sum = 0, square = 0;
      for (var i = 0; i < nI; i++) {
        if (!n[i]) continue;
        items += 1; sum += k[i] / n[i]; square += k[i] * k[i] / n[i] / n[i];
      }
      if (items < 30) continue;
      var mean = sum / items;
      rows.push({ mean: mean, error: Math.sqrt(Math.max(square / items - mean * mean, 1e-4) / items) });
    }
    for (var options = 2; rows.length && options <= 5; options++) {
      var chance = 1 / options;
      var at = rows.filter(function (row) { return row.error < 0.0225 && Math.abs(row.mean - chance) < 0.03; }).length;
      var below = rows.some(function (row) { return row.mean < chance - Math.max(0.03, 3 * row.error); });
      if (at >= Math.max(3, 0.3 * rows.length) && !below) return options;
    }
    return 0;
  }

  /* What the answers show of the chance level: `likelier`, one that the source answers fit much better
     than the one told, or null; `free`, whether they rule out guesses among options. An
     item-response model is fitted at each, as guesses leave a floor under weak models' answers. */
  function seenChance(table, source, told) {
    table = countedOnce(table, source).table;
    var nL = table.languages.length, nI = table.nItems, s = table.languages.indexOf(source);
    function accuracy(r) {
      var n = 0, sum = 0, square = 0;
      for (var i = r * nI; i < (r + 1) * nI; i++) {
        if (!table.trials[i]) continue;
        var rate = table.right[i] / table.trials[i];
        n += 1; sum += rate; square += rate * rate;
      }
      return { row: r, n: n, mean: sum / n, error: Math.sqrt(Math.max(square / n - sum * sum / n / n, 1e-4) / n) };
    }
    var all = table.models.map(function (name, m) {
      return table.languages.map(function (code, l) { return accuracy(m * nL + l); });
    }), asked = all.filter(function (rows) { return rows[s].n; });
    var options = told ? 0 : guessedOptions(table);
    if (asked.length < 3) return { likelier: options ? 1 / options : null, free: false };
    var weakest = asked.map(function (rows) { return rows[s]; }).sort(function (x, y) { return x.mean - y.mean; }).slice(0, SOME_MODELS);
    var size = Math.min(SOME_ITEMS, nI), items = [];
    for (var i = 0; i < size; i++) items.push(table.order[Math.floor(i * nI / size)]);
    var trials = weakest.map(function (each) { return Float64Array.from(items, function (i) { return Math.min(table.trials[each.row * nI + i], WORTH); }); });
    var right = weakest.map(function (each, m) {
      return Float64Array.from(items, function (i, at) { return trials[m][at] && table.right[each.row * nI + i] / table.trials[each.row * nI + i] * trials[m][at]; });
    });
    var levels = [told].concat(LEVELS.filter(function (level) { return Math.abs(level - told) > 0.03; })), best = 0;
    var fits = levels.map(function (level) { return itemResponse(right, trials, level); });
    fits.forEach(function (fit, i) { if (fit > fits[best]) best = i; });
    var level = levels[best], gains = fits[best] - fits[0] > MUCH_LIKELIER, weak = weakest[0].mean < level + LOW * (1 - level);
    if (level > told) return { likelier: options || (weak && gains) ? level : null, free: false };
    var guessed = Math.max.apply(null, fits.filter(function (fit, i) { return levels[i] >= 0.2; }));
    var seen = level === 0 || asked.some(function (rows) {
      return rows.some(function (each) { return each.n && each.mean + 3 * each.error < told; });
    });
    return { likelier: seen && gains ? level : null, free: level === 0 && fits[best] - guessed > MUCH_LIKELIER };
  }

  /* Log likelihood of a Rasch model with guesses and a free distribution of difficulty (EM). */
  function itemResponse(right, trials, chance) {
    var nM = right.length, nI = right[0].length, D = 81, m, i, d, step, held = 1 / 9, logs = zeros(D), likelihood;
    var p = zeros(nM * D), slope = zeros(nM * D), odds = zeros(nM * D), failed = zeros(nM * D), solved = zeros(nM * D), tried = zeros(nM * D);
    var share = Float64Array.from(logs, function (x, d) { return Math.exp(-Math.pow((d / 5 - 8) / 2, 2) / 2); });
    var ability = Float64Array.from(right, function (row, m) {
      function sum(values) { return values.reduce(function (x, y) { return x + y; }, 0); }
      var above = clip(((sum(row) + 0.5) / (sum(trials[m]) + 1) - chance) / (1 - chance), 0.01, 0.99);
      return Math.log(above / (1 - above));
    });
    function centred(values, by) { var mean = values.reduce(function (x, y) { return x + y; }, 0) / by; return values.map(function (x) { return x - mean; }); }
    function shares(values) { var sum = values.reduce(function (x, y) { return x + y; }, 0); return values.map(function (x) { return x / sum; }); }
    ability = centred(ability, nM);
    share = shares(share);
    for (step = 0; step <= FIT_STEPS; step++) { // the last one only looks
      var next = zeros(D), prior = share.map(Math.log);
      solved.fill(0); tried.fill(0); likelihood = 0;
      for (m = 0; m < nM; m++) {
        for (d = 0; d < D; d++) {
          var s = sigmoid(ability[m] - d / 5 + 8), at = m * D + d;
          p[at] = clip(chance + (1 - chance) * s, 1e-9, 1 - 1e-9);
          slope[at] = (1 - chance) * s * (1 - s);
          failed[at] = Math.log1p(-p[at]);
          odds[at] = Math.log(p[at]) - failed[at];
        }
      }
      for (i = 0; i < nI; i++) {
        logs.set(prior);
        for (m = 0; m < nM; m++) {
          var k = right[m][i], n = trials[m][i], from = m * D;
          if (n) for (d = 0; d < D; d++) logs[d] += k * odds[from + d] + n * failed[from + d];
        }
        var top = -Infinity, sum = 0;
        for (d = 0; d < D; d++) if (logs[d] > top) top = logs[d];
        for (d = 0; d < D; d++) { logs[d] = Math.exp(logs[d] - top); sum += logs[d]; }
        likelihood += top + Math.log(sum);
        for (d = 0; d < D; d++) { logs[d] /= sum; next[d] += logs[d]; }
        for (m = 0; m < nM; m++) {
          k = right[m][i]; n = trials[m][i]; from = m * D;
          if (n) for (d = 0; d < D; d++) { solved[from + d] += k * logs[d]; tried[from + d] += n * logs[d]; }
        }
      }
      if (step === FIT_STEPS) break;
      share = shares(next.map(function (x) { return Math.max(x / nI, 1e-12); }));
      ability = centred(ability.map(function (t, m) {
        var score = 0, information = 0;
        for (var d = 0; d < D; d++) {
          var at = m * D + d, by = slope[at] / (p[at] * (1 - p[at]));
          score += (solved[at] - tried[at] * p[at]) * by;
          information += tried[at] * slope[at] * by;
        }
        return t + clip((score - held * t) / (information + held), -1, 1);
      }), nM);
    }
    return likelihood;
  }

  /* Why a table must not be scored at a chance level of 0 that nobody has said; "" if it may. */
  function doubtChance(table, seen) {
    var named = optionsByName(table.label), options = named === null ? Math.round(1 / seen.likelier) : named;
    if (!options || !isFinite(options)) return "";
    var level = Number((1 / options).toPrecision(3));
    return "nobody has said the chance level of " + table.label + ", and " +
      (named ? "it has the name of a test with " + options + " options" : "its answers look like guesses among " + options + " options") +
      ". Set the chance level to " + (named ? level : "1 / number of options (" + level + " fits best)") + ", or to 0 if answers are free.";
  }

  /* Source answers of models that give one answer again and again count once; a copy if there are any. */
  function countedOnce(table, source) {
    var s = table.languages.indexOf(source), nI = table.nItems, names = [], right = table.right, trials = table.trials;
    table.models.forEach(function (name, m) {
      var from = (m * table.languages.length + s) * nI, several = 0, asked = 0, disagree = 0, sum = 0, i, n, k;
      for (i = from; i < from + nI; i++) {
        n = table.trials[i]; k = table.right[i];
        if (n) asked += 1;
        if (n < 2) continue;
        several += 1; disagree += 2 * k * (n - k) / (n * (n - 1)); sum += k / n;
      }
      var rate = sum / Math.max(several, 1), possible = 2 * rate * (1 - rate) * Math.max(several, 1);
      if (!(several > 0.5 * asked && possible > 2 * ENOUGH_TO_SEE && disagree < REPEATED * possible)) return;
      if (!names.length) { right = table.right.slice(); trials = table.trials.slice(); }
      names.push(name);
      for (i = from; i < from + nI; i++) {
        if (!trials[i]) continue;
        right[i] = 2 * right[i] > trials[i] ? 1 : 0;
        trials[i] = 1;
      }
    });
    return { table: names.length ? Object.assign({}, table, { right: right, trials: trials }) : table, names: names };
  }

  /* The scores of one benchmark. Options: source, chance, seed, progress, and draws: by default as
     many as take a second or two. */
  function score(table, options) {
    var chance = options.chance || 0, tell = options.progress || function () {};
    var once = countedOnce(table, options.source);
    table = once.table;
    var data = tabulate(table, options.source), nT = data.nT, nC = data.nC, nM = data.models.length;
    var grid = hardnessGrid(chance), nG = grid.length, weight = uniformWeights(grid, chance);
    var likelihood = zeros(nC * nG), c, g, m, t, p, b;
    for (c = 0; c < nC; c++) for (g = 0; g < nG; g++) likelihood[c * nG + g] = binomial(data.correct[c], data.trials[c], grid[g]);
    var sizes = data.models.map(function (model) { return model.sourceItems.reduce(function (x, y) { return x + y; }, 0); });
    var steps = Math.floor(clip(median(sizes) / 10, EM_STEPS[0], EM_STEPS[1]));
    var distributions = data.models.map(function (model) { return mixing(model.sourceItems, likelihood, nG, steps, zeros(nG)); });
    var posteriors = distributions.map(function (d) { return posteriorOf(d, likelihood, nC, nG, zeros(nC * nG)); });
    var scale = 0;
    for (g = 0; g < nG; g++) scale += weight[g] * grid[g];
    scale -= chance;
    // One answer an item shows no profile that could be lent to others.
    data.models.forEach(function (model, m) {
      var once = 0;
      for (c = 0; c < nC; c++) if (data.trials[c] === 1) once += model.sourceItems[c];
      model.silent = !sizes[m] || once > sizes[m] / 2;
    });
    if (data.models.every(function (model) { return model.silent; })) data.models.forEach(function (model, m) { model.silent = !sizes[m]; });
    var lone = nM === 1 || data.models.filter(function (model) { return !model.silent; }).length === 1, basis = directBasis(grid);
    var fit = lone ? null : fitAdaptive(data, posteriors, grid, chance), curves;
    if (lone) {
      curves = data.models.map(function (model, m) {
        var means = meanRates(model.items, model.sums, nT, nC), f = zeros(nT * nG);
        for (t = 0; t < nT; t++) f.set(directCurve(model.items.subarray(t * nC, (t + 1) * nC), means.subarray(t * nC, (t + 1) * nC), posteriors[m]), t * nG);
        return f;
      });
    } else curves = fit.fits.map(function (each) { return each.f; });
    function directCurve(items, means, posterior) {
      var x = fitDirect(items, means, posterior, basis, nC, nG), out = zeros(nG);
      for (g = 0; g < nG; g++) {
        for (var k = 0; k <= KNOTS; k++) out[g] += basis[g][k] * x[k];
        out[g] = clip(out[g], 0, 1);
      }
      return out;
    }
    function directHat(m, t) {
      var means = meanRates(data.models[m].items, data.models[m].sums, nT, nC);
      return hatOf(directCurve(data.models[m].items.subarray(t * nC, (t + 1) * nC), means.subarray(t * nC, (t + 1) * nC), posteriors[m]), 0);
    }
    function hatOf(f, from) {
      var mean = 0;
      for (g = 0; g < nG; g++) mean += weight[g] * f[from + g];
      return (mean - chance) / scale;
    }
    function at95(f, from) {
      for (g = 1; g < nG - 1; g++) if (grid[g] >= 0.95) break;
      var share = (0.95 - grid[g - 1]) / (grid[g] - grid[g - 1]);
      return f[from + g - 1] + share * (f[from + g] - f[from + g - 1]);
    }

    var beyond = leftOut(table, data, nM);
    // Redraws: every model with the same items.
    var effort = nM * (2 * nG * (steps * nC + nT * nC + 12 * nT) + 3 * table.nItems * nT) + (lone ? 4e5 * nT : 0);
    var nClusters = 0, draws = beyond ? 0 : options.draws === undefined ? Math.floor(clip(5e8 / effort, 300, 2000)) : options.draws;
    for (var i = 0; i < table.nItems; i++) nClusters = Math.max(nClusters, table.cluster[i] + 1);
    var hats = data.models.map(function () { return zeros(draws * nT); }), tops = data.models.map(function () { return zeros(draws * nT); });
    var random = generator(options.seed || 1), picked = zeros(nClusters), kept = [], P = TERMS;
    var items = zeros(nT * nC), sums = zeros(nT * nC), source = zeros(nC), distribution = zeros(nG), posterior = zeros(nC * nG);
    var s = zeros(nG), parameters = zeros(nT * P);
    var plans = data.models.map(function (model) {
      var rows = [];
      for (var i = 0; i < table.nItems; i++) if (model.cell[i] >= 0) rows.push(i);
      return rows;
    });
    function pick() {
      picked.fill(0);
      for (var k = 0; k < nClusters; k++) picked[Math.floor(random() * nClusters)] += 1;
    }
    /* The sums of a model over the items that were picked, and its mean rates in each cell. */
    function tally(m) {
      var model = data.models[m], rows = plans[m];
      items.fill(0); sums.fill(0); source.fill(0);
      for (var r = 0; r < rows.length; r++) {
        var i = rows[r], w = picked[table.cluster[i]], c = model.cell[i], any = false;
        if (!w) continue;
        source[c] += w;
        for (var t = 1; t < nT; t++) {
          var rate = model.rates[t][i];
          if (rate !== rate) continue;
          items[t * nC + c] += w;
          sums[t * nC + c] += w * rate;
          any = true;
        }
        if (any) items[c] += w;
      }
      mixing(source, likelihood, nG, steps, distribution);
      posteriorOf(distribution, likelihood, nC, nG, posterior);
      return meanRates(items, sums, nT, nC);
    }
    function directRedrawn(rates, t) { return directCurve(items.subarray(t * nC, (t + 1) * nC), rates.subarray(t * nC, (t + 1) * nC), posterior); }
    for (b = 0; b < draws; b++) {
      pick();
      if (b < CHECKS) kept.push(picked.slice());
      var scores = [], truths = [], commonDraw = null, pulls = null;
      if (!lone) {
        commonDraw = zeros(nT * P);
        for (p = 0; p < nT * P; p++) commonDraw[p] = 0;
        var shared = [];
        for (p = 0; p < P; p++) shared.push(random.normal() * fit.commonSd[p]);
        for (t = 0; t < nT; t++) for (p = 0; p < P; p++) commonDraw[t * P + p] = shared[p];
        pulls = zeros(nT * P);
      }
      for (m = 0; m < nM; m++) {
        var redrawn = tally(m);
        if (lone) {
          for (t = 0; t < nT; t++) {
            var f = directRedrawn(redrawn, t);
            hats[m][b * nT + t] = hatOf(f, 0);
            tops[m][b * nT + t] = at95(f, 0);
          }
          continue;
        }
        var one = fit.fits[m], evidence = zeros(nT * P), truth = zeros(nT * P), own = [];
        for (p = 0; p < P; p++) own.push(random.normal());
        for (t = 0; t < nT; t++) {
          for (c = 0; c < nC; c++) {
            if (!items[t * nC + c]) continue;
            var expected = 0;
            for (g = 0; g < nG; g++) expected += posterior[c * nG + g] * one.f[t * nG + g];
            var pushed = (redrawn[t * nC + c] - expected) * items[t * nC + c] * one.weight[t * nC + c];
            for (p = 0; p < P; p++) evidence[t * P + p] += pushed * one.jacobian[(t * nC + c) * P + p];
          }
          for (p = 0; p < P; p++) truth[t * P + p] = commonDraw[t * P + p] + own[p] * one.spread[t][p];
        }
        // What shrinkage leaves unknown: a draw from the prior minus its own shrunken fit.
        var shrunk = zeros(nT * P);
        for (t = 0; t < nT; t++) {
          var left = zeros(P), q;
          for (p = 0; p < P; p++) {
            left[p] = evidence[t * P + p];
            for (q = 0; q < P; q++) left[p] -= one.information[t][p * P + q] * truth[t * P + q];
          }
          for (p = 0; p < P; p++) {
            for (q = 0; q < P; q++) shrunk[t * P + p] += one.covariance[t][p * P + q] * left[q];
            pulls[t * P + p] += shrunk[t * P + p] / (one.spread[t][p] * one.spread[t][p]);
          }
        }
        scores.push(shrunk);
        truths.push(truth);
      }
      if (!lone) {
        var centre = zeros(nT * P);
        for (t = 0; t < nT; t++) for (p = 0; p < P; p++) for (var q2 = 0; q2 < P; q2++) centre[t * P + p] += fit.commonCovariance[t][p * P + q2] * pulls[t * P + q2];
        for (m = 0; m < nM; m++) {
          for (t = 0; t < nT; t++) {
            for (p = 0; p < P; p++) {
              var back = 0;
              for (var k = 0; k < P; k++) back += fit.fits[m].covariance[t][p * P + k] * centre[t * P + k] / (fit.fits[m].spread[t][k] * fit.fits[m].spread[t][k]);
              parameters[t * P + p] = fit.fits[m].parameters[t * P + p] + truths[m][t * P + p] + scores[m][t * P + p] + back;
            }
            fit.values(parameters, t, s);
            for (g = 0; g < nG; g++) s[g] = chance + (1 - chance) * s[g] + fit.below[t * nG + g];
            hats[m][b * nT + t] = hatOf(s, 0);
            tops[m][b * nT + t] = at95(s, 0);
          }
        }
      }
      if (b % 50 === 0) tell(b / draws);
    }

    /* Where what is borrowed from other models moves a score by more than it can vary. */
    function disagreements() {
      var suspects = [], gap, se, own = [];
      if (lone || !draws || nM > 200) return new Set();
      for (m = 0; m < nM; m++) {
        for (t = 0; t < nT; t++) {
          gap = Math.abs(directHat(m, t) - hatOf(curves[m], t * nG)); se = deviation(hats[m], t);
          if (gap > DISAGREE * se) suspects.push({ m: m, t: t, gap: gap, draws: [] });
        }
      }
      for (b = 0; suspects.length && b < kept.length; b++) {
        picked.set(kept[b]);
        var before = -1, rates;
        suspects.forEach(function (each) {
          if (each.m !== before) { before = each.m; rates = tally(each.m); }
          each.draws.push(hatOf(directRedrawn(rates, each.t), 0) - hats[each.m][b * nT + each.t]);
        });
      }
      suspects.forEach(function (each) {
        var mean = each.draws.reduce(function (x, y) { return x + y; }, 0) / kept.length;
        var variance = each.draws.reduce(function (x, y) { return x + (y - mean) * (y - mean); }, 0) / (kept.length - 1);
        if (each.gap > UNLIKELY * Math.sqrt(variance)) own.push(each.m * nT + each.t);
      });
      return new Set(own);
    }
    function deviation(values, t) {
      var mean = 0, square = 0;
      for (b = 0; b < draws; b++) mean += values[b * nT + t] / draws;
      for (b = 0; b < draws; b++) square += Math.pow(values[b * nT + t] - mean, 2);
      return draws > 1 ? Math.sqrt(square / (draws - 1)) : NaN;
    }
    var seen = options.unsaid || (draws ? seenChance(table, options.source, chance) : { likelier: null }), likelier = seen.likelier;
    var rowsOut = [], differ = disagreements(), s0 = table.languages.indexOf(options.source), nL = table.languages.length;
    function unread(m, t) { // difference to the source language
      var from = m * nL, gaps = data.targets.map(function (code) { return table.unread[from + table.languages.indexOf(code)] - table.unread[from + s0]; });
      if (t) return gaps[t - 1];
      gaps = gaps.filter(isFinite);
      return gaps.reduce(function (x, y) { return x + y; }, 0) / gaps.length;
    }
    var apart = unrelated(table, data, distributions, grid, chance, s0), free = seen.free || optionsByName(table.label) === 0;
    for (m = 0; m < nM; m++) {
      var each = data.models[m], usual = metricsOf(each.paired, nT), pairs = each.paired.slice(0, nT), mean = 0;
      for (t = 1; t < nT; t++) mean += pairs[t] / (nT - 1);
      pairs[0] = mean;
      var size = Math.max(sizes[m], 1), rateMean = 0, rateSquare = 0, single = 0, near = 0, usualTrials = {}, mostTrials = 0;
      for (c = 0; c < nC; c++) {
        var observed = data.correct[c] / data.trials[c], share = each.sourceItems[c] / size;
        rateMean += share * observed; rateSquare += share * observed * observed;
        if (data.trials[c] === 1) single += each.sourceItems[c];
        usualTrials[data.trials[c]] = (usualTrials[data.trials[c]] || 0) + each.sourceItems[c];
      }
      var error = Math.sqrt(Math.max(rateSquare - rateMean * rateMean, 0) / size);
      Object.keys(usualTrials).forEach(function (n) { if (usualTrials[n] > (usualTrials[mostTrials] || 0)) mostTrials = Number(n); });
      for (g = 0; g < nG; g++) if (grid[g] >= NEARBY) near += distributions[m][g];
      for (t = 0; t < nT; t++) {
        var n = pairs[t], slices = slicesOf(weight, distributions[m], n), support = 0, kish = 0, gap = false;
        for (var e = 0; e < SLICES; e++) {
          support += Math.min(slices[e] / ENOUGH_ITEMS, 1) / SLICES;
          if (slices[e] < GAP && Math.max.apply(null, slices.slice(0, e + 1)) >= GAP &&
              Math.max.apply(null, slices.slice(e)) >= GAP) gap = true;
          kish += 1 / (SLICES * SLICES * Math.max(slices[e], 1e-9));
        }
        var effective = Math.min(1 / kish, n), flags = [], reason = "", sourceMean = each.paired[nT + t] / each.paired[t];
        if (n < MIN_ITEMS) reason = "too few items";
        else if (each.paired[nT + t] <= 0) reason = "no source answer is right";
        else if (single > size / 2) reason = "one answer an item";
        else if (sourceMean - chance < CLEAR_OF_CHANCE * error) reason = "source accuracy is not above chance";
        if (reason === "one answer an item") support = effective = 0; // they support nothing
        if (beyond) {
          if (!reason || reason === "one answer an item") reason = NOT_HERE;
          support = effective = NaN;
        }
        var withheld = Boolean(reason);
        var hat = withheld ? NaN : hatOf(curves[m], t * nG), se = withheld || !draws ? NaN : deviation(hats[m], t);
        var noTop = withheld || near * n < ENOUGH_ITEMS;
        var top = noTop ? NaN : at95(curves[m], t * nG), topSe = noTop || !draws ? NaN : deviation(tops[m], t);
        var reach = reachOf(effective), topReach = reachOf(n);
        if (withheld) flags.push(reason);
        else {
          if (support < SUPPORTED || gap) flags.push("extrapolated");
          if (belowChance(each.rates[t], chance)) flags.push("target accuracy below chance");
          if (table.unread && Math.abs(unread(m, t)) > UNREAD) flags.push("unread answers differ");
          if (mostTrials === 2) flags.push("two answers an item");
          if (table.prompts[m * nL + s0] === 1 && mostTrials >= 2) flags.push("hardness of one prompt");
          if (differ.has(m * nT + t)) flags.push("estimators disagree");
          if (repeatedGuesses(distributions[m], grid, chance)) flags.push("guesses repeated");
          if (likelier !== null) flags.push("chance level doubtful");
          if (options.unsaid && !free) flags.push("chance level not said");
          if (apart[t]) flags.push("source and target unrelated");
        }
        rowsOut.push({ model: each.name, target: t ? data.targets[t - 1] : "macro", hat: hat, low: hat - reach * se, high: hat + reach * se, se: se,
          f95: top, f95_low: top - topReach * topSe, f95_high: top + topReach * topSe, support: support, effective_items: effective,
          flag: flags.join("; "), n_items: rounded(n),
          source_accuracy: usual.source[t], target_accuracy: usual.target[t], xlt_gap: usual.source[t] - usual.target[t], ratio: usual.target[t] / usual.source[t],
          conditional_transfer: usual.conditional[t] });
      }
    }
    otherLanguages(rowsOut, nT);
    var macro = rowsOut.filter(function (row) { return row.target === "macro"; });
    tieGroups(macro, hats, draws, nT);
    return { benchmark: table.benchmark, source: options.source, chance: chance, targets: data.targets, rows: rowsOut, draws: draws,
      profile: lone ? "direct" : "adaptive", repeated: once.names, beyond: beyond, likelier: likelier,
      curves: data.models.map(function (each, m) { return { model: each.name, h: Array.from(grid), f: Array.from(curves[m].slice(0, nG)) }; }) };
  }

  /* What `hat score` does with such answers and this page does not; "" if nothing. */
  function leftOut(table, data, nM) {
    if (table.strata > 1) return "strata";
    if (table.promptings > 1) return "promptings";
    var trials = [];
    data.models.forEach(function (model) {
      model.sourceItems.forEach(function (n, c) { for (var i = 0; i < n; i++) trials.push(data.trials[c]); });
    });
    return median(trials) < 2 && nM >= MIN_MODELS ? "one answer" : "";
  }

  /* Nearly always wrong on more items than it knows: guesses that come out the same each time. */
  function repeatedGuesses(distribution, grid, chance) {
    var wrong = 0, mean = 0;
    for (var g = 0; g < grid.length; g++) {
      mean += distribution[g] * grid[g];
      if (grid[g] <= chance / 2 + 1e-9) wrong += distribution[g];
    }
    return chance > 0 && wrong > Math.max((mean - chance) / (1 - chance), SURELY_WRONG);
  }

  /* Targets that hardly go together with the source, item by item; the mean if one does not. */
  function unrelated(table, data, distributions, grid, chance, s0) {
    var nI = table.nItems, nL = table.languages.length, apart = [];
    for (var t = 0; t < data.nT; t++) {
      var together = zeros(nI), models = zeros(nI), expected = 0, several = 0, most = 0;
      data.models.forEach(function (model, m) {
        var size = 0, rate = 0, rates = 0, single = 0;
        model.sourceItems.forEach(function (count, c) {
          var each = data.correct[c] / data.trials[c];
          size += count; rate += count * each; rates += count * each * each;
          if (data.trials[c] === 1) single += count;
        });
        rate /= size;
        var pairs = model.paired.slice(0, data.nT), error = Math.sqrt(Math.max(rates / size - rate * rate, 0) / size);
        pairs[0] = pairs.slice(1).reduce(function (x, y) { return x + y; }, 0) / (data.nT - 1);
        var level = 0, square = 0, n = 0, x = 0, y = 0, xx = 0, yy = 0, known = [];
        // Models without a score show nothing.
        if (pairs[t] < MIN_ITEMS || model.paired[data.nT + t] <= 0 || single > size / 2 ||
            model.paired[data.nT + t] / model.paired[t] - chance < CLEAR_OF_CHANCE * error) return;
        distributions[m].forEach(function (share, g) { level += share * grid[g]; square += share * grid[g] * grid[g]; });
        for (var i = 0; i < nI; i++) {
          var k = (m * nL + s0) * nI + i, source = table.right[k] / table.trials[k], target = model.rates[t][i];
          if (source !== source || target !== target) continue;
          known.push([i, source, target]); n += 1; x += source; y += target;
        }
        if (!n) return;
        known.forEach(function (row) {
          var dx = row[1] - x / n, dy = row[2] - y / n;
          xx += dx * dx; yy += dy * dy; together[row[0]] += dx * dy; models[row[0]] += 1;
        });
        most = Math.max(most, Math.min(xx, yy)); several += 1;
        expected += (y / n - chance) * (square - level * level) / Math.max(level - chance, 1e-9);
      });
      var items = 0, sum = 0, squares = 0;
      for (var i = 0; i < nI; i++) if (models[i]) { var each = together[i] / models[i]; items += 1; sum += each; squares += each * each; }
      var covariance = sum / items, error = Math.sqrt((squares / items - covariance * covariance) / items), least = expected / several / 2 - 2 * error;
      apart.push(most > ENOUGH_TO_SEE && least > 0 && covariance < Math.min(2 * error, least));
    }
    apart[0] = apart.some(Boolean);
    return apart;
  }

  function belowChance(rates, chance) {
    var n = 0, sum = 0, square = 0;
    rates.forEach(function (rate) { if (rate === rate) { n += 1; sum += rate; square += rate * rate; } });
    if (n < 2) return false;
    var mean = sum / n, error = Math.sqrt(Math.max(square / n - mean * mean, 0) / n);
    return mean + CLEAR_OF_CHANCE * Math.max(error, 1e-9) < chance;
  }

  // Means over other languages do not compare: most models say which languages count.
  function otherLanguages(rows, nT) {
    var scored = [], usual = {};
    for (var at = 0; at < rows.length; at += nT) {
      if (!isFinite(rows[at].hat)) continue;
      var asked = rows.slice(at + 1, at + nT).map(function (row) { return row.n_items < MIN_ITEMS ? 0 : 1; });
      scored.push([rows[at], asked.join()]);
      usual[asked.join()] = (usual[asked.join()] || 0) + 1;
    }
    function weight(key) { return usual[key] * 1000 + key.split(",").filter(function (x) { return x === "1"; }).length; }
    var most = Object.keys(usual).sort(function (x, y) { return weight(y) - weight(x); })[0];
    scored.forEach(function (pair) {
      if (pair[1] === most) return;
      var flags = pair[0].flag ? pair[0].flag.split("; ") : [], after = flags[0] === "extrapolated" ? 1 : 0;
      flags.splice(after, 0, "other languages than most");
      pair[0].flag = flags.join("; ");
    });
  }

  /* Letters as in hat compare: models that share one cannot be told apart (max-T, Piepho). */
  function tieGroups(macro, hats, draws, nT) {
    var order = macro.map(function (row, m) { return m; }).filter(function (m) { return isFinite(macro[m].hat) && macro[m].flag.indexOf("other languages") < 0; });
    order.sort(function (x, y) { return macro[y].hat - macro[x].hat; });
    if (order.length < 2 || !draws || order.length > 60) return;
    var pairs = [], b;
    for (var i = 0; i < order.length; i++) {
      for (var j = i + 1; j < order.length; j++) {
        var one = hats[order[i]], two = hats[order[j]], mean = 0, square = 0, gaps = zeros(draws);
        for (b = 0; b < draws; b++) { gaps[b] = one[b * nT] - two[b * nT]; mean += gaps[b] / draws; }
        for (b = 0; b < draws; b++) square += Math.pow(gaps[b] - mean, 2);
        var se = Math.max(Math.sqrt(square / (draws - 1)), 1e-12);
        for (b = 0; b < draws; b++) gaps[b] = Math.abs(gaps[b] - mean) / se;
        var effective = Math.min(macro[order[i]].effective_items, macro[order[j]].effective_items);
        pairs.push([i, j, Math.abs(macro[order[i]].hat - macro[order[j]].hat) / se, gaps, reachOf(effective) / NORMAL]);
      }
    }
    var largest = zeros(draws);
    pairs.forEach(function (pair) { for (b = 0; b < draws; b++) largest[b] = Math.max(largest[b], pair[3][b]); });
    var sorted = Array.from(largest).sort(function (x, y) { return x - y; }), place = 0.95 * (draws - 1), lowest = Math.floor(place);
    var critical = sorted[lowest] + (place - lowest) * ((sorted[lowest + 1] || sorted[lowest]) - sorted[lowest]);
    var groups = [order.map(function (m, i) { return i; })];
    pairs.forEach(function (pair) {
      if (pair[2] <= critical * pair[4]) return;
      var split = [];
      groups.forEach(function (group) {
        if (group.indexOf(pair[0]) < 0 || group.indexOf(pair[1]) < 0) { split.push(group); return; }
        [pair[0], pair[1]].forEach(function (out) { split.push(group.filter(function (i) { return i !== out; })); });
      });
      split.sort(function (x, y) { return y.length - x.length; });
      groups = [];
      split.forEach(function (group) {
        if (!groups.some(function (kept) { return group.every(function (i) { return kept.indexOf(i) >= 0; }); })) groups.push(group);
      });
    });
    groups.sort(function (x, y) { for (var k = 0; k < Math.min(x.length, y.length); k++) if (x[k] !== y[k]) return x[k] - y[k]; return x.length - y.length; });
    order.forEach(function (m, i) {
      macro[m].tie_group = groups.map(function (group, g) { return group.indexOf(i) >= 0 ? letter(g) : ""; }).filter(Boolean).join(" ");
    });
  }

  function letter(number) {
    var text = "";
    for (number += 1; number; number = Math.floor((number - 1) / 26)) text = String.fromCharCode(65 + (number - 1) % 26) + text;
    return text;
  }

  /* What accuracies allow: the usual metrics of each benchmark, on the target languages that all models have. */
  function usualMetrics(rows, source) {
    var benchmarks = new Map();
    rows.forEach(function (row) {
      if (!benchmarks.has(row.benchmark)) benchmarks.set(row.benchmark, new Map());
      var models = benchmarks.get(row.benchmark);
      if (!models.has(row.model)) models.set(row.model, new Map());
      models.get(row.model).set(row.language, row.accuracy);
    });
    return Array.from(benchmarks, function (pair) {
      var left = [], targets = null, out = [];
      pair[1].forEach(function (by, model) {
        if (!by.has(source)) { left.push(model); return; }
        targets = (targets || Array.from(by.keys())).filter(function (code) { return code !== source && by.has(code); });
      });
      pair[1].forEach(function (by, model) {
        if (!by.has(source)) return;
        var target = targets.reduce(function (sum, code) { return sum + by.get(code); }, 0) / targets.length;
        out.push({ benchmark: pair[0], model: model, source_accuracy: by.get(source), target_accuracy: target, xlt_gap: by.get(source) - target, ratio: target / by.get(source) });
      });
      return { benchmark: pair[0], rows: out, targets: targets || [], left: left };
    });
  }

  /* Made-up responses to try things on. Ash, Birch and Fir transfer alike; what the lesson and its
     page of misconceptions say of the six is tested. */
  function example(nItems) {
    var random = generator(7), lines = ["model,language,item,n_correct,n_trials"];
    var items = [];
    for (var i = 0; i < 120; i++) items.push(1.5 * random.normal());
    [["Ash", -0.6, 1], ["Birch", 1.2, 1], ["Cedar", 0.3, 0.3], ["Dogwood", 1.5, 2], ["Elm", 1, 0.6], ["Fir", 4.8, 1]].forEach(function (model) {
      items.forEach(function (difficulty, i) {
        var known = model[1] - difficulty;
        [["en", 0], ["de", model[2]], ["sw", model[2] + 0.7]].forEach(function (pair) {
          var right = 0;
          for (var k = 0; k < 10; k++) right += random() < sigmoid(known - pair[1]) ? 1 : 0;
          if (i < (nItems || 120)) lines.push([model[0], pair[0], "q" + (i + 1), right, 10].join(","));
        });
      });
    });
    return lines.join("\n") + "\n";
  }

  return { example: example, optionsByName: optionsByName, choices: CHOICES, readTable: readTable, scoreAll: scoreAll, languageOf: languageOf, words: { none: NO_LANGUAGE, columns: NOT_HEADS, countries: COUNTRIES, own: OWN, usual: USUAL }, bookChance: BOOK_CHANCE, usualMetrics: usualMetrics };
}
if (typeof module !== "undefined") module.exports = hatCore;
