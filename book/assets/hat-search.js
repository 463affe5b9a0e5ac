/* On the page of results: the page whose subject was asked for comes first.
   Sphinx counts words; this table knows what the pages are about and what else people call it. */
(function () {
  "use strict";
  if (typeof Search === "undefined") return;
  var SUBJECTS = [
    ["intro", "hat book|start|introduction|what is hat|multilingual or good at english"],
    ["analyses/why-hard", "why transfer is hard to measure|cross-lingual transfer|xlt gap|gap|ratio|misleading metrics|guess"],
    ["analyses/the-score", "hat score formula|hat formula|formula|definition of the score|how the score is computed|hardness adjusted transfer|hat score|standardisation|standardization|chance level"],
    ["analyses/ten-samples", "ten samples|few samples|noise|noisy hardness|shrinkage|plug-in|prior|posterior"],
    ["analyses/fit", "accuracy on the line|regression line|slope|effective robustness|residual|inflation|traditional metrics"],
    ["analyses/profile", "transfer profile|profile|compare two models|where models differ|curve"],
    ["analyses/scaling", "scaling|model size|size|parameters of a model|larger models|bigger models|billions"],
    ["analyses/time-trend", "time trend|trend|progress over time|release date|thinking|reasoning models|newer models"],
    ["analyses/small-models", "small models|tiny models|broken transfer|threshold|4.5 billion|small language models"],
    ["analyses/all-models", "all models|leaderboard|ranking|rank|best model|ties|tie|tied|significance|statistical significance|significantly different|multiple comparisons"],
    ["analyses/languages", "languages|low-resource languages|low resource|dialects|dialect|swahili|african languages|which languages"],
    ["analyses/validation", "validation|confidence interval|confidence intervals|coverage|bias|estimator|simulation study|independence of source accuracy|ablation|error bars"],
    ["analyses/estimator-study", "validation|confidence interval|confidence intervals|coverage|bias|estimator|simulation study|error bars"],
    ["analyses/failure-modes", "failure modes|what breaks it|limits|limitations|attacks|flawed data|judge error|llm judge|contamination|translation errors|missing answers|temperature 0|position bias"],
    ["analyses/failure-modes", "limits|limitations|failure modes|what breaks it|flawed data|judge error|llm judge|contamination|translation errors|missing answers"],
    ["analyses/hardness-measures", "hardness measure|other hardness|item response theory|irt|rasch|difficulty"],
    ["analyses/findings", "findings of the paper|findings|replication|reproduction|review of the paper|peer review"],
    ["review", "review of the paper|peer review|review"],
    ["analyses/planning", "how many samples|how many items|sample size|power|statistical power|smallest difference|detectable difference|planning|budget|cost"],
    ["analyses/drill", "drill|quiz|game|practice"],
    ["calculator", "calculator|score my data|score in the browser|online|paste csv|upload csv|try your own data"],
    ["your-results", "import|import lm-eval|lm-evaluation-harness|inspect logs|every eval ever|my own data|rerun|import logs"],
    ["import", "import|import lm-eval|lm-evaluation-harness|inspect logs|every eval ever|my own data|import logs"],
    ["rerun", "rerun|my own data|columns|parameters of a notebook"],
    ["collect", "collect data|run a model|prompts|translate items|new dataset|collection"],
    ["scale", "large logs|big data|spark|warehouse|bigquery|duckdb|aggregate"],
    ["security", "security|privacy|trust|pickle"],
    ["command-line", "command line|cli|hat score command|options|exit codes|terminal"],
    ["api", "python interface|api|functions|hatlib"],
    ["data-and-sources", "data|sources|licence|license|datasets|mgsm|corrections|download the data"],
    ["glossary", "glossary|terms|definitions"],
    ["cite", "cite|citation|bibtex|how to cite"],
    ["changelog", "changelog|changes|versions"],
    ["gallery", "gallery|charts|figures|pictures"],
    ["other-tools", "other tools|alternatives|comparison with other tools|euroeval|mteb|evalstats|inspect|multilingual irt|eci"],
    ["teach/lesson", "teach|teaching|lesson|lesson plan|course|classroom|learning goals|exercises"],
    ["teach/slides", "slides|presentation|lecture"],
    ["teach/misconceptions", "misconceptions|regression to the mean|simpson|simpson's paradox|ceiling|overlapping intervals|ratio of averages"]
  ];
  var LAST = /^(api$|api\/|changelog|bibliography|genindex|py-modindex|data-and-sources|glossary)/;
  var stemmer = new Stemmer();

  function stems(words) {
    return words.toLowerCase().split(/[^\p{L}\p{N}.']+/u).filter(function (word) {
      return word && stopwords.indexOf(word) < 0;
    }).map(function (word) { return stemmer.stemWord(word); });
  }
  // How much of a query a phrase answers, and of the phrase the query.
  function match(query, phrase) {
    var said = stems(phrase), asked = query.filter(function (word) { return said.indexOf(word) >= 0; }).length;
    var cover = asked / query.length;
    return cover < 0.6 ? 0 : cover * cover * (1 + asked / said.length);
  }

  var plain = Search._performSearch;
  Search._performSearch = function (query) {
    var results = plain.apply(Search, arguments); // the best comes last
    var asked = stems(query), names = Search._index.docnames, best = {};
    if (!asked.length) return results;
    SUBJECTS.forEach(function (row) {
      if (names.indexOf(row[0]) < 0) return;
      row[1].split("|").forEach(function (phrase) { best[row[0]] = Math.max(best[row[0]] || 0, match(asked, phrase)); });
    });
    function weight(result) {
      var name = result[0], title = Search._index.titles[names.indexOf(name)] || "";
      var own = (best[name] || 0) * 100;
      var known = stems(title), inTitle = asked.filter(function (word) { return known.indexOf(word) >= 0; }).length / asked.length;
      return own + 60 * inTitle + Math.min(result[4], 40) - (LAST.test(name) ? 45 : 0) - (result[2] ? 5 : 0);
    }
    var there = {};
    results.forEach(function (result) { there[result[0]] = true; });
    Object.keys(best).forEach(function (name) {
      var at = names.indexOf(name);
      if (best[name] && !there[name]) results.push([name, Search._index.titles[at], "", null, 0, Search._index.filenames[at]]);
    });
    return results.map(function (result, i) { return [weight(result), i, result]; })
      .sort(function (x, y) { return x[0] - y[0] || x[1] - y[1]; })
      .map(function (each) { return each[2]; });
  };
})();
