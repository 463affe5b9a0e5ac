/* Small repairs of the theme's pages: keyboard access and print. */
(function () {
  "use strict";
  // What scrolls sideways must be reachable with the keyboard.
  function reach() {
    document.querySelectorAll("pre, .pst-scrollable-table-container, .bd-article div.cell_output, .math, table.dataframe, dl dt.sig").forEach(function (box) {
      if (box.closest(".hat-scroll")) return;
      if (box.scrollWidth > box.clientWidth + 1) box.setAttribute("tabindex", "0");
    });
    tables.forEach(more);
  }
  // Where a table goes on beyond its box, that edge fades out.
  var tables = document.querySelectorAll(".hat-scroll, .bd-article div.cell_output:has(table), .pst-scrollable-table-container");
  function more(box) {
    var right = box.scrollWidth - box.clientWidth - box.scrollLeft > 2;
    var below = box.scrollHeight - box.clientHeight - box.scrollTop > 2 && getComputedStyle(box).overflowY !== "visible";
    box.classList.toggle("hat-more", right || below);
    if (!right && !below && !box.scrollLeft && !box.scrollTop) box.removeAttribute("tabindex");
    else box.setAttribute("tabindex", "0");
    box.classList.toggle("hat-more-right", right);
    box.classList.toggle("hat-more-below", below);
  }
  tables.forEach(function (box) {
    box.addEventListener("scroll", function () { more(box); }, { passive: true });
  });
  // A fold is called by what is written on it.
  document.querySelectorAll("details.hide > summary[aria-label]").forEach(function (fold) { fold.removeAttribute("aria-label"); });
  // A list for readers of the screen whose children are not list items is no list.
  document.querySelectorAll(".citation-list[role=list]").forEach(function (list) { list.removeAttribute("role"); });
  // Paper is white whatever the screen shows.
  var before = null;
  window.addEventListener("beforeprint", function () {
    before = document.documentElement.dataset.theme;
    document.documentElement.dataset.theme = "light";
  });
  window.addEventListener("afterprint", function () {
    if (before) document.documentElement.dataset.theme = before;
  });
  // A picture of a chart as PNG is made when somebody asks for it.
  document.querySelectorAll("a[data-png]").forEach(function (link) {
    link.addEventListener("click", function (event) {
      event.preventDefault();
      var picture = new Image();
      picture.onload = function () {
        var canvas = document.createElement("canvas");
        canvas.width = 2 * picture.naturalWidth;
        canvas.height = 2 * picture.naturalHeight;
        var pen = canvas.getContext("2d");
        pen.fillStyle = "white";
        pen.fillRect(0, 0, canvas.width, canvas.height);
        pen.drawImage(picture, 0, 0, canvas.width, canvas.height);
        var file = document.createElement("a");
        try {
          file.href = canvas.toDataURL("image/png");
        } catch (refused) {  // a book opened from disk: the chart itself still gives one
          location.href = link.closest("figcaption").querySelector("a[href*='#']").href;
          return;
        }
        file.download = link.dataset.png + ".png";
        file.click();
      };
      picture.src = link.href;
    });
  });
  reach();
  window.addEventListener("load", reach);
  window.addEventListener("resize", reach);
  document.addEventListener("toggle", reach, true);  // a fold that opens has its width only then
})();
