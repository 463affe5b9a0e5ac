/* Turns every <div class="hat-drill"> into a drill with buttons and a running tally.
   Without it the rounds unfold in two steps, and the reader keeps the tally. */
(function () {
  "use strict";

  function mark(said, right) { return said === "open" ? 2 : said === right ? 0 : 1; }

  function start(drill) {
    var rounds = Array.prototype.map.call(drill.querySelectorAll(".hat-round"), function (box) {
      return {
        box: box, right: box.dataset.right, says: JSON.parse(box.dataset.says),
        answer: null, peeked: false, told: false,
        truth: box.querySelector(".hat-truth"), hat: box.querySelector(".hat-answer"),
        said: box.querySelector(".hat-said"), buttons: box.querySelectorAll(".hat-choices button")
      };
    });
    var tally = drill.querySelector(".hat-tally");
    var rows = Array.prototype.slice.call(tally.querySelectorAll("tr[data-who]"));

    // Right, wrong and left open, of the rounds that count.
    function counts(who) {
      var sum = [0, 0, 0];
      rounds.forEach(function (round) {
        if (round.answer === null || (who === "hat" && !round.told)) return;
        sum[mark(who === "you" ? round.answer : round.says[who], round.right)] += 1;
      });
      return sum;
    }

    function show() {
      rows.forEach(function (row) {
        var n = counts(row.dataset.who);
        var why = tally.querySelector(".hat-why[data-who=" + row.dataset.who + "]");
        n.forEach(function (count, i) { row.cells[i + 1].textContent = count; });
        // A reason stands there once it is needed: a metric was wrong, or HAT left a round open.
        if (why) why.hidden = !n[row.dataset.who === "hat" ? 2 : 1];
      });
      rounds.forEach(function (round) {
        round.buttons.forEach(function (button) {
          var done = round.answer !== null || round.peeked;
          button.setAttribute("aria-disabled", done ? "true" : "false");
          button.setAttribute("aria-pressed", round.answer === button.dataset.answer ? "true" : "false");
        });
      });
    }

    function outcome(round) {
      return round.answer === round.right ? "You are right. So far: " : "You are wrong. So far: ";
    }

    function soFar(wanted) {
      return rows.filter(function (row) { return wanted(row.dataset.who); }).map(function (row) {
        var n = counts(row.dataset.who);
        var open = n[2] ? " (" + n[2] + " left open)" : "";
        return row.cells[0].textContent + " " + n[0] + " of " + (n[0] + n[1] + n[2]) + " right" + open;
      }).join("; ") + ".";
    }

    rounds.forEach(function (round) {
      round.buttons.forEach(function (button) {
        button.addEventListener("click", function () {
          if (round.answer !== null || round.peeked) return;
          round.answer = button.dataset.answer;
          round.truth.open = true;
          round.said.textContent = outcome(round) + soFar(function (who) { return who !== "hat"; });
          show();
        });
      });
      round.truth.addEventListener("toggle", function () {
        if (!round.truth.open || round.answer !== null) return;
        round.peeked = true;
        round.said.textContent = "You looked before you answered, so this round does not count.";
        show();
      });
      round.hat.addEventListener("toggle", function () {
        if (!round.hat.open || round.answer === null || round.told) return;
        round.told = true;
        round.said.textContent = outcome(round) + soFar(function () { return true; });
        show();
      });
      round.box.querySelector(".hat-choices").hidden = false;
    });

    drill.querySelector(".hat-again").addEventListener("click", function () {
      rounds.forEach(function (round) {
        round.answer = null;
        round.peeked = round.told = round.hat.open = round.truth.open = false;
        round.said.textContent = "";
      });
      show();
      rounds[0].buttons[0].focus();
    });
    tally.hidden = false;
    show();
  }

  document.querySelectorAll(".hat-drill").forEach(start);
})();
