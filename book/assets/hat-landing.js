/* The first page: the guess, and the chart with two sliders. Without it the answer unfolds, and a
   table stands for the chart. */
(function () {
  "use strict";
  var guess = document.querySelector(".hat-guess");
  if (guess) {
    var answer = guess.querySelector("details");
    var buttons = guess.querySelectorAll("button");
    guess.querySelector(".hat-choices").hidden = false;
    answer.hidden = true;
    buttons.forEach(function (button) {
      button.addEventListener("click", function () {
        buttons.forEach(function (b) { b.setAttribute("aria-pressed", String(b === button)); });
        var said = answer.querySelector(".hat-said");
        said.textContent = said.dataset[button.dataset.guess];
        answer.hidden = false;
        answer.open = true;
        answer.querySelector("p").setAttribute("role", "status");
      });
    });
    window.addEventListener("beforeprint", function () { answer.hidden = false; answer.open = true; });
    window.addEventListener("afterprint", function () { answer.hidden = !guess.querySelector("[aria-pressed=true]"); });
  }

  var figure = document.querySelector(".hat-explorer");
  if (!figure) return;
  var data = JSON.parse(figure.querySelector("script[type='application/json']").textContent);
  var live = figure.querySelector(".hat-explorer-live");
  var START = [data.english.indexOf(45), data.transfer.indexOf(0.6)];
  var MEASURES = ["Target accuracy", "Gap to English", "Ratio to English", "HAT score"];

  function cell(e, t) { return data.cells[t * data.english.length + e]; }
  function part(tag, name, parent) {
    var made = document.createElement(tag);
    if (name) made.className = name;
    parent.appendChild(made);
    return made;
  }
  function percent(share) { return (100 * share).toFixed(1) + "%"; }

  var sliders = ["English accuracy", "Transfer at equal hardness"].map(function (title, which) {
    var label = part("label", "hat-slider", part("div", "", live));
    part("span", "", label).textContent = title;
    var input = part("input", "", label);
    input.type = "range";
    input.min = 0;
    input.max = (which ? data.transfer : data.english).length - 1;
    input.step = 1;
    input.value = START[which];
    input.addEventListener("input", show);
    return [input, part("b", "", label)]; // an output would be read out beside the slider's own text
  });
  var rows = MEASURES.map(function (title, i) {
    var row = part("div", "hat-bar" + (i === 3 ? " hat-own" : ""), live);
    part("span", "hat-bar-name", row).textContent = title;
    var track = part("span", "hat-track", row);
    var fill = part("span", "hat-fill", track);
    var start = part("span", "hat-start", track);
    start.style.left = percent(cell(START[0], START[1])[i + 2]);
    var reach = i === 3 ? part("span", "hat-reach", track) : null;
    return [fill, part("span", "hat-bar-value", row), reach];
  });
  var key = part("p", "hat-key", live);
  key.textContent = "The thin marks show where each measure started.";
  var status = part("p", "hat-visually-hidden", live);
  status.setAttribute("role", "status");
  var timer = 0;

  function show(event) {
    var e = Number(sliders[0][0].value), t = Number(sliders[1][0].value), now = cell(e, t);
    var words = [data.english[e] + "%", data.transfer[t].toFixed(1)];
    sliders.forEach(function (pair, i) {
      pair[1].textContent = words[i];
      pair[0].setAttribute("aria-valuetext", i ? words[1] : data.english[e] + " percent");
    });
    rows.forEach(function (row, i) {
      row[0].style.width = percent(Math.max(0, Math.min(1, now[i + 2])));
      row[1].textContent = now[i + 2].toFixed(2);
      if (!row[2]) return;
      row[2].style.left = percent(now[6]);
      row[2].style.width = percent(now[7] - now[6]);
      row[1].textContent += " [" + now[6].toFixed(2) + ", " + now[7].toFixed(2) + "]";
    });
    if (!event) return; // nothing is read out before the reader moves a slider
    clearTimeout(timer);
    timer = setTimeout(function () {
      status.textContent = "Target accuracy " + now[2].toFixed(2) + ", gap " + now[3].toFixed(2) +
        ", ratio " + now[4].toFixed(2) + ", HAT " + now[5].toFixed(2) + ", interval from " +
        now[6].toFixed(2) + " to " + now[7].toFixed(2) + ".";
    }, 400);
  }
  show();
  live.hidden = false;
  figure.dataset.state = "live";
})();
