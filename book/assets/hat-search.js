/* On the page of results: the page whose subject was asked for comes first.
   Sphinx counts words; this table knows what the pages are about and what else people call it. */
(function () {
  "use strict";
  if (typeof Search === "undefined") return;
  var SUBJECTS = [
    ["intro", "hat|hat book|home|start|introduction|what is hat|multilingual|multilingual or good at english"],
    ["analyses/why-hard", "why hat|what is the problem|why transfer is hard to measure|cross-lingual transfer|xlt gap|gap|ratio|misleading metrics|guess"],
    ["analyses/the-score", "hat score formula|hat formula|formula|definition of the score|definition of hat|what does hat mean|how is hat computed|how the score is computed|hardness adjusted transfer|hat score|standardisation|standardization|chance level|guessing"],
    ["analyses/ten-samples", "ten samples|few samples|noise|noisy hardness|shrinkage|plug-in|prior|posterior"],
    ["analyses/fit", "accuracy on the line|regression line|regression|linear fit|slope|effective robustness|residual|inflation|traditional metrics"],
    ["analyses/profile", "transfer profile|profile|compare two models|where models differ|curve"],
    ["analyses/scaling", "scaling|scaling laws|model size|size|parameters of a model|larger models|bigger models|billions"],
    ["analyses/time-trend", "time trend|trend|progress over time|release date|thinking|reasoning|reasoning models|chain of thought|newer models|qwen|olmo"],
    ["analyses/small-models", "small models|tiny models|1b models|3b|broken transfer|threshold|under 4.5b|4.5 billion|small language models"],
    ["analyses/all-models", "all models|leaderboard|ranking|rank|best model|which model is best|ties|tie|tied|significance|statistical significance|significantly different|p-value|multiple comparisons|gpt|gpt-4|llama|gemini|claude"],
    ["analyses/languages", "languages|low-resource languages|low resource|dialects|dialect|swahili|yoruba|hausa|zulu|bengali|telugu|thai|german|chinese|african languages|which languages|which language loses most"],
    ["analyses/validation", "validation|confidence interval|confidence intervals|bootstrap|coverage|bias|estimator|simulation study|independence of source accuracy|ablation|error bars|reliable|can i trust the score"],
    ["analyses/failure-modes", "failure modes|what breaks it|limits|limitations|attacks|flawed data|judge error|llm judge|contamination|machine translation|translation errors|missing answers|temperature|temperature 0|position bias"],
    ["analyses/hardness-measures", "hardness measure|other hardness|item response theory|irt|rasch|difficulty|item difficulty"],
    ["analyses/findings", "findings of the paper|findings|results|main results|conclusion|replication|reproduction|reproduce the paper|review of the paper|peer review"],
    ["analyses/planning", "how many samples|how many items|how many questions do i need|how much data|sample size|power|power analysis|statistical power|smallest difference|detectable difference|minimum detectable effect|planning|budget|cost"],
    ["analyses/drill", "drill|quiz|game|practice"],
    ["analyses/your-models", "report|report on my models|your models"],
    ["calculator", "calculator|score my data|score my model|score in the browser|online|online tool|csv|paste csv|upload csv|spreadsheet|excel|try your own data"],
    ["your-results", "install|pip install|how to install|getting started|quickstart|import|import lm-eval|lm-evaluation-harness|my own data|evaluate my model|rerun|import logs|use my own logs"],
    ["import", "import|import lm-eval|lm-evaluation-harness|inspect|inspect logs|helm|opencompass|every eval ever|import logs|refused"],
    ["rerun", "rerun|rerun notebook|papermill|jupyter|jupyterlab|notebooks|my own data|columns|parameters of a notebook"],
    ["collect", "collect data|collect answers|run a model|prompts|translate items|translate my benchmark|new dataset|collection"],
    ["scale", "large logs|big data|spark|warehouse|bigquery|duckdb|aggregate|millions of rows"],
    ["security", "security|privacy|trust|pickle"],
    ["command-line", "command line|cli|hat score command|options|exit codes|terminal"],
    ["api", "python|python interface|python api|api|functions|hatlib"],
    ["data-and-sources", "data|sources|licence|license|datasets|mgsm|hellaswag|corrections|download the data"],
    ["glossary", "glossary|terms|definitions|abbreviations|macro|extrapolated|support|supported|flags|tie group|reference distribution|standard error|f(.95)|prompting|source language"],
    ["cite", "cite|citation|bibtex|doi|how to cite|how do i cite this"],
    ["changelog", "changelog|changes|versions"],
    ["gallery", "gallery|charts|figures|plots|pictures|download chart"],
    ["other-tools", "other tools|alternatives|comparison with other tools|euroeval|mteb|evalstats|multilingual irt|eci"],
    ["teach/lesson", "teach|teaching|lesson|lesson plan|course|classroom|learning goals|exercises"],
    ["teach/slides", "slides|presentation|powerpoint|lecture"],
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
  function match(query, phrase, least) {
    var said = stems(phrase), asked = query.filter(function (word) { return said.indexOf(word) >= 0; }).length;
    var cover = asked / query.length;
    return cover < least ? 0 : cover * cover * (1 + asked / said.length);
  }

  var plain = Search._performSearch;
  Search._performSearch = function (query) {
    var results = plain.apply(Search, arguments); // the best comes last
    var asked = stems(query), names = Search._index.docnames, best = {};
    if (!asked.length) return results;
    var least = results.length ? 0.6 : 0.3; // what is near is better than nothing
    SUBJECTS.forEach(function (row) {
      if (names.indexOf(row[0]) < 0) return;
      row[1].split("|").forEach(function (phrase) { best[row[0]] = Math.max(best[row[0]] || 0, match(asked, phrase, least)); });
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
