/* Shows the slides one at a time on the whole screen; without it they stand below one another. */
(function () {
  "use strict";
  var box = document.querySelector(".hat-slides");
  if (!box || !box.requestFullscreen) return;
  var slides = Array.prototype.slice.call(box.querySelectorAll(".hat-slide")), at = 0;
  function show(number) {
    at = Math.max(0, Math.min(slides.length - 1, number));
    slides.forEach(function (slide, i) { slide.classList.toggle("hat-current", i === at); });
    slides[at].focus();
  }
  slides.forEach(function (slide, i) { slide.setAttribute("data-at", (i + 1) + " of " + slides.length); });
  box.querySelector("p").hidden = false;
  box.querySelector("button").addEventListener("click", function () {
    box.requestFullscreen().then(function () { show(at); });
  });
  box.addEventListener("keydown", function (event) {
    if (document.fullscreenElement !== box) return;
    var move = { ArrowRight: 1, ArrowDown: 1, PageDown: 1, " ": 1, ArrowLeft: -1, ArrowUp: -1, PageUp: -1, Home: -at, End: slides.length }[event.key];
    if (move === undefined) return;
    event.preventDefault();
    show(at + move);
  });
  box.addEventListener("click", function (event) {
    if (document.fullscreenElement === box && !event.target.closest("button")) show(at + 1);
  });
})();
