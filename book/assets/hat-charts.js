/* Draws every <figure class="hat-chart"> in place of its static picture.
   The picture stays without JavaScript, in print, and if drawing fails. */
(function () {
  "use strict";
  var INK = "#747474", HALO = "#ffffff00";  // as in hatlib/show/figures.py
  var here = document.currentScript ? document.currentScript.src : "";
  var loading = null;

  function library() {
    if (window.vegaEmbed) return Promise.resolve();
    if (!loading) {
      loading = new Promise(function (done, failed) {
        var script = document.createElement("script");
        script.src = here.replace(/[^/]*$/, "") + "vendor/vega-bundle.js";
        script.onload = done;
        script.onerror = function () { failed(new Error("vega-bundle.js is missing")); };
        document.head.appendChild(script);
      });
    }
    return loading;
  }

  function isDark() {
    var theme = document.documentElement.dataset.theme;
    if (theme === "dark" || theme === "light") return theme === "dark";
    return false;
  }

  function colours() {
    var style = getComputedStyle(document.documentElement);
    function pick(name, other) { return style.getPropertyValue(name).trim() || other; }
    var map = {};
    map[INK] = pick("--pst-color-text-base", isDark() ? "#ced6dd" : "#323232");
    map[HALO] = pick("--pst-color-background", isDark() ? "#14181e" : "#ffffff");
    return map;
  }

  // Swaps colours everywhere but in the data: a model may be called "#747474".
  function recolour(part, map) {
    if (Array.isArray(part)) return part.map(function (v) { return recolour(v, map); });
    if (part && typeof part === "object") {
      var copy = {};
      Object.keys(part).forEach(function (key) {
        copy[key] = /^(datasets|domain|sort)$/.test(key) ? part[key] : recolour(part[key], map);
      });
      return copy;
    }
    return typeof part === "string" && Object.prototype.hasOwnProperty.call(map, part) ? map[part] : part;
  }

  // Titles of columns above tiles stand upright where there is no room for more.
  function slant(part) {
    if (!part || typeof part !== "object") return;
    if (part.axis && part.axis.orient === "top") {
      Object.assign(part.axis, { labelAngle: -90, labelAlign: "left", labelLimit: 180 });
    }
    if (part.layer && part.layer.some(function (one) { return (one.mark || {}).type === "rect"; })) {
      part.layer.forEach(function (one) { if (one.mark.type === "text") one.mark.fontSize = 9; });
    }
    Object.keys(part).forEach(function (key) { if (key !== "datasets") slant(part[key]); });
  }

  // Breaks the titles of the axes of one direction, so that none is longer than its axis.
  function wrapTitles(part, channel, pixels) {
    if (!part || typeof part !== "object") return;
    if (part.encoding && part.encoding[channel] && part.encoding[channel].title) {
      var lines = [""], most = Math.max(12, Math.floor(pixels / 6.3));
      [].concat(part.encoding[channel].title).join(" ").split(" ").forEach(function (word) {
        var last = lines.length - 1;
        if (lines[last] && (lines[last] + " " + word).length > most) lines.push(word);
        else lines[last] += (lines[last] ? " " : "") + word;
      });
      part.encoding[channel].title = lines.length > 1 ? lines : lines[0];
    }
    Object.keys(part).forEach(function (key) { if (key !== "datasets") wrapTitles(part[key], channel, pixels); });
  }

  // An expression that breaks labels of more letters than that.
  function breaks(letters) {
    return "length(datum.label) > " + letters + " ? split(trim(replace(datum.label, regexp('(.{1," + letters +
      "})( |$)', 'g'), '$1\\n')), '\\n') : datum.label";
  }
  // Breaks long names of rows, so that a phone shows them whole, and makes room for two lines.
  function wrapNames(spec, letters) {
    var rows = [].concat.apply([], Object.values(spec.datasets || {})), step = { step: 27 };
    (function look(part) {
      if (!part || typeof part !== "object") return;
      var y = part.encoding && part.encoding.y;
      if (y && y.type === "nominal" && y.axis !== null && rows.some(function (row) { return String(row[y.field]).length > letters; })) {
        y.axis = Object.assign({}, y.axis, { labelExpr: breaks(letters), labelLineHeight: 12,
          labelOffset: { condition: { test: "length(datum.label) > " + letters, value: -6 }, value: 0 } });
        spec.config.view = Object.assign({}, spec.config.view, { discreteHeight: step });
        if (spec.height && spec.height.step) Object.assign(spec.height, step);
      }
      Object.keys(part).forEach(function (key) { if (!/^(datasets|config)$/.test(key)) look(part[key]); });
    })(spec);
  }

  // Names at the right end of lines, where there is no room beside them.
  function namesInside(spec) {
    (spec.layer || []).forEach(function (layer) {
      var mark = layer.mark || {};
      if (mark.type === "text" && mark.align === "left" && mark.dx > 0) Object.assign(mark, { align: "right", dx: 26, dy: -9 });
    });
  }

  // Whether names stand at the left, which take their room from the horizontal axis.
  function named(part) {
    if (!part || typeof part !== "object") return false;
    var y = part.encoding && part.encoding.y;
    return Boolean(y && y.type === "nominal") || (part.layer || []).some(named);
  }

  // Widths and columns for a page this wide. `less` is what the last try was too wide, `keys` stand side by side in the legend.
  function fit(spec, width, less, keys) {
    var wish = (spec.usermeta && spec.usermeta.hat) || {};
    var narrow = width < 480;
    var config = spec.config;
    config.font = getComputedStyle(document.body).fontFamily || config.font;
    if (config.legend) {
      config.legend.columns = keys;
      if (narrow) config.legend.labelLimit = 120;
    }
    if (narrow) slant(spec);
    config.axisY = Object.assign({}, config.axisY, narrow ? { labelLimit: 165, labelFontSize: 11 } : { labelLimit: Math.max(230, 0.4 * width) });
    if (narrow) wrapNames(spec, 26);
    if (wish.layout === "single" && narrow) namesInside(spec);
    if (wish.layout === "facet") {
      var columns = Math.max(1, Math.min(wish.columns, Math.floor((width + 20) / 300)));
      if (wish.columns === 3) columns = width >= 720 ? 3 : 1;
      spec.columns = columns;
      spec.spec.width = Math.floor((width - 60) / columns - (columns > 1 ? 30 : 0) - less / columns);
      if (config.header) config.header.labelLimit = spec.spec.width;
      if (spec.facet && spec.facet.header) spec.facet.header.labelLimit = spec.spec.width;
      if (narrow && columns === 1 && named(spec.spec)) {  // above the names of the rows there is room for a long title
        [config.header, spec.facet && spec.facet.header].forEach(function (header) {
          if (header) Object.assign(header, { labelAnchor: "end", labelAlign: "right", labelLimit: width, labelExpr: breaks(46) });
        });
      }
      wrapTitles(spec, "x", spec.spec.width);
    } else {
      spec.width = Math.min(width, 820);
      wrapTitles(spec, "x", spec.width - (narrow && named(spec) ? 190 : 60));
      if (typeof spec.height === "number") spec.height = Math.min(spec.height, Math.round(width * 0.95));
    }
    return spec;
  }

  function groups(spec) {
    var found = [], pick = (spec.params || []).filter(function (one) { return one.name === "pick"; })[0];
    if (!pick) return found;
    (function look(part) {
      if (!part || typeof part !== "object" || found.length) return;
      var colour = part.encoding && part.encoding.color;
      if (colour && colour.field === pick.select.fields[0] && colour.legend !== null && colour.scale) {
        found = colour.scale.domain || [];
      }
      Object.keys(part).forEach(function (key) {
        if (key !== "datasets" && key !== "data") look(part[key]);
      });
    })(spec);
    return found;
  }

  // Does with the keyboard what a click in the legend does.
  function highlighter(figure, view, names) {
    var label = document.createElement("label");
    label.className = "hat-pick";
    label.appendChild(document.createTextNode("Highlight "));
    var select = document.createElement("select");
    ["all"].concat(names).forEach(function (name, i) {
      var option = document.createElement("option");
      option.value = i;
      option.textContent = name.length > 40 ? name.slice(0, 39) + "…" : name;
      select.appendChild(option);
    });
    function choose() {
      var i = Number(select.value);
      figure.hatPick = i;
      var fields = view.signal("pick_tuple_fields");
      view.data("pick_store", i ? [{ unit: "", fields: fields, values: [names[i - 1]] }] : []).run();
    }
    select.addEventListener("change", choose);
    label.appendChild(select);
    if (figure.hatPick) { select.value = figure.hatPick; choose(); }
    return label;
  }

  function rgb(colour) {
    if (/^#[0-9a-f]{3}$/i.test(colour)) colour = colour.replace(/[0-9a-f]/gi, "$&$&");
    if (/^#[0-9a-f]{6}$/i.test(colour)) return [1, 3, 5].map(function (i) { return parseInt(colour.slice(i, i + 2), 16); });
    return (colour.match(/[\d.]+/g) || [0, 0, 0]).slice(0, 3).map(Number);
  }
  function luminance(colour) {
    var linear = colour.map(function (c) { c /= 255; return c <= 0.04045 ? c / 12.92 : Math.pow((c + 0.055) / 1.055, 2.4); });
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
  }
  function contrast(a, b) {
    var x = luminance(a) + 0.05, y = luminance(b) + 0.05;
    return Math.max(x, y) / Math.min(x, y);
  }
  // Names in the colour of their line keep its hue, but are made dark (or light) enough to read.
  function legible(svg) {
    var map = colours(), ink = rgb(map[INK]), ground = rgb(map[HALO]);
    var tiles = svg.querySelector(".mark-rect path");
    svg.querySelectorAll("text").forEach(function (text) {
      var fill = text.getAttribute("fill") || "#000000";
      if (fill === "none" || fill === "transparent" || (tiles && text.closest(".mark-text"))) return;
      var colour = rgb(fill);
      for (var i = 0; i < 12 && contrast(colour, ground) < 4.6; i++) {
        colour = colour.map(function (c, k) { return Math.round(c + 0.15 * (ink[k] - c)); });
      }
      var mended = "rgb(" + colour.join(", ") + ")";
      if (fill !== mended && String(rgb(fill)) !== String(colour)) text.setAttribute("fill", mended);
    });
  }
  // Vega colours its text again whenever it draws.
  function keepLegible(svg) {
    legible(svg);
    new MutationObserver(function () { legible(svg); }).observe(svg, {
      subtree: true, childList: true, attributes: true, attributeFilter: ["fill"]
    });
  }

  // Beside the data of a chart: its picture, its address, and how to cite it.
  function takeaway(figure) {
    var box = figure.querySelector(".hat-data");
    if (!box || box.querySelector(".hat-take")) return;
    box.querySelector("summary").textContent = "Data, picture, citation";
    var row = document.createElement("p");
    row.className = "hat-take";
    function button(words, action) {
      var made = document.createElement("button");
      made.type = "button";
      made.className = "hat-button";
      made.textContent = words;
      made.addEventListener("click", action);
      row.appendChild(made);
    }
    function save(address, kind) {
      var link = document.createElement("a");
      link.href = address;
      link.download = figure.id + "." + kind;
      link.click();
    }
    button("SVG", function () {
      figure.hatResult.view.toSVG().then(function (text) {
        save(URL.createObjectURL(new Blob([text], { type: "image/svg+xml" })), "svg");
      });
    });
    button("PNG", function () {
      figure.hatResult.view.toImageURL("png", 2).then(function (address) { save(address, "png"); });
    });
    var link = document.createElement("a");
    link.href = "#" + figure.id;
    link.textContent = "Link to this chart";
    row.appendChild(link);
    var cite = document.createElement("p");
    var version = document.querySelector("meta[name=hat-version]");
    var title = document.querySelector("h1");
    cite.textContent = "Cite as: The HAT book" + (version ? ", version " + version.content : "") + ", " +
      (title ? "“" + title.textContent.replace(/[#¶\s]+$/, "") + "”, " : "") + "chart " + figure.id +
      (location.protocol === "file:" ? "" : ", " + location.origin + location.pathname + "#" + figure.id) + ".";
    box.appendChild(row);
    box.appendChild(cite);
  }

  function draw(figure) {
    var source = figure.querySelector("script.hat-spec");
    var live = figure.querySelector(".hat-live");
    var image = figure.querySelector(".hat-static img");
    var width = Math.floor(figure.clientWidth);
    if (!source || !live || width < 50) return Promise.resolve();
    var turn = figure.hatTurn = (figure.hatTurn || 0) + 1;
    figure.hatWidth = width;
    figure.hatTheme = isDark();
    var controls = document.createElement("div");
    controls.className = "hat-controls";
    var canvas = document.createElement("div");
    canvas.className = "hat-canvas";

    function attempt(less, tries, columns) {
      var spec = fit(recolour(JSON.parse(source.textContent), colours()), width, less, columns);
      function nothing() { return Promise.reject(new Error("a chart loads nothing")); }
      var loader = { load: nothing, sanitize: nothing, http: nothing, file: nothing };
      controls.textContent = "";
      return window.vegaEmbed(canvas, spec, {
        actions: false, renderer: "svg", ast: true, mode: "vega-lite", bind: controls, loader: loader,
        logLevel: 1, tooltip: { theme: isDark() ? "dark" : "light" }
      }).then(function (result) {
        if (figure.hatTurn !== turn) { result.finalize(); return null; }
        var svg = canvas.querySelector("svg");
        var over = svg ? Number(svg.getAttribute("width")) - width : 0;
        var legend = svg && svg.querySelector(".role-legend"), box = svg && svg.getBoundingClientRect();
        var ends = legend ? (legend.getBoundingClientRect().right - box.left) * Number(svg.getAttribute("width")) / box.width : 0;
        if (columns > 2 && ends > width) {
          result.finalize();
          return attempt(less, tries, columns - 1);
        }
        if (tries > 0 && spec.usermeta.hat.layout !== "single" && (over > 0 || (over < -12 && width <= 820))) {
          result.finalize();
          return attempt(less + over + 2, tries - 1, columns);
        }
        return [result, spec];
      });
    }

    // Measured while in the page, but not seen until it is ready.
    live.hidden = false;
    canvas.style.cssText = "position:absolute;visibility:hidden";
    live.appendChild(canvas);
    return attempt(0, 3, Math.max(2, Math.floor(width / 105))).then(function (pair) {
      if (!pair) { canvas.remove(); return; }
      var result = pair[0];
      if (figure.hatResult) figure.hatResult.finalize();
      figure.hatResult = result;
      live.textContent = "";
      canvas.style.cssText = "";
      var names = groups(pair[1]);
      if (names.length > 1) controls.appendChild(highlighter(figure, result.view, names));
      if (controls.childNodes.length) live.appendChild(controls);
      live.appendChild(canvas);
      var svg = canvas.querySelector("svg");
      keepLegible(svg);
      svg.setAttribute("role", "img");
      svg.setAttribute("aria-label", image ? image.alt : "");
      Array.prototype.forEach.call(svg.children, function (part) { part.setAttribute("aria-hidden", "true"); });
      figure.dataset.state = "live";
      takeaway(figure);
    });
  }

  function drawSafely(figure) {
    return library().then(function () { return draw(figure); }).catch(function (problem) {
      var live = figure.querySelector(".hat-live");
      if (live) { live.textContent = ""; live.hidden = true; }
      figure.dataset.state = "failed";
      if (window.console) console.warn("The static picture stays:", problem);
    });
  }

  function start() {
    var figures = Array.prototype.slice.call(document.querySelectorAll("figure.hat-chart"));
    if (!figures.length) return;
    var near = new IntersectionObserver(function (entries) {
      entries.forEach(function (entry) {
        if (!entry.isIntersecting) return;
        near.unobserve(entry.target);
        drawSafely(entry.target);
      });
    }, { rootMargin: "500px 0px" });
    figures.forEach(function (figure) { near.observe(figure); });

    var timer = 0;
    function redraw() {
      clearTimeout(timer);
      timer = setTimeout(function () {
        figures.forEach(function (figure) {
          if (figure.dataset.state !== "live") return;
          var moved = Math.abs(figure.clientWidth - figure.hatWidth) > 8;
          if (moved || figure.hatTheme !== isDark()) drawSafely(figure);
        });
      }, 150);
    }
    window.addEventListener("resize", redraw);
    if (window.ResizeObserver) {
      var watch = new ResizeObserver(redraw);
      figures.forEach(function (figure) { watch.observe(figure); });
    }
    new MutationObserver(redraw).observe(document.documentElement, {
      attributes: true, attributeFilter: ["data-theme"]
    });
  }

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
