"use strict";
// What is under the pointer, or moved to with the arrow keys; and the numbers as a file.
const amount = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const exact = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 });
const written = {
  count: (value) => amount.format(value),
  rate: (value) => (value < 100 ? exact : amount).format(value) + "/s",
  ms: (value) => (value < 1000 ? exact.format(value) + " ms" : exact.format(value / 1000) + " s"),
  s: (value) => value.toFixed(1) + " s",
  tail: (value) => +(100 - 100 / value).toPrecision(6) + " %",
};

for (const figure of document.querySelectorAll(".chart")) {
  const source = figure.querySelector(".numbers");
  if (!source) continue;
  const { across, up, at, places, curves } = JSON.parse(source.textContent);
  const picture = figure.querySelector(".picture");
  const rule = picture.appendChild(document.createElement("div"));
  const tip = picture.appendChild(document.createElement("div"));
  rule.className = "rule";
  tip.className = "tip";
  tip.setAttribute("role", "status");
  let shown = at.length - 1;

  const show = (index) => {
    shown = Math.max(0, Math.min(at.length - 1, index));
    rule.hidden = tip.hidden = false;
    rule.style.left = places[shown] * 100 + "%";
    tip.style.left = places[shown] < 0.5 ? `calc(${places[shown] * 100}% + .6rem)` : "";
    tip.style.right = places[shown] < 0.5 ? "" : `calc(${100 - places[shown] * 100}% + .6rem)`;
    tip.replaceChildren(line(written[across](at[shown])));
    for (const [name, look, values] of curves) {
      if (values[shown] !== null) tip.append(line(`${name} ${written[up](values[shown])}`, look));
    }
  };
  const line = (text, look) => {
    const row = document.createElement("div");
    if (look) {
      const swatch = figure.querySelector(".swatch").cloneNode(true);
      swatch.firstElementChild.setAttribute("class", look);
      row.append(swatch);
    }
    row.append(text);
    return row;
  };
  const hide = () => (rule.hidden = tip.hidden = true);

  picture.tabIndex = 0;
  picture.addEventListener("pointermove", (event) => {
    const box = picture.getBoundingClientRect();
    const place = (event.clientX - box.left) / box.width;
    const next = places.findIndex((other) => other >= place);
    if (next < 0) return show(at.length - 1);
    show(next > 0 && place - places[next - 1] < places[next] - place ? next - 1 : next);
  });
  picture.addEventListener("pointerleave", hide);
  picture.addEventListener("blur", hide);
  picture.addEventListener("focus", () => show(shown));
  picture.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    show(shown + step);
  });
  hide();
}

const report = document.getElementById("report");
const button = document.querySelector("footer").appendChild(document.createElement("button"));
button.textContent = "Download the JSON";
button.addEventListener("click", () => {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([report.textContent], { type: "application/json" }));
  link.download = `loadtest-${JSON.parse(report.textContent).run}.json`;
  link.click();
  URL.revokeObjectURL(link.href);
});
