"use strict";
// The plots take the page's colours, which CSS changes in dark mode and in print: SVG takes variables as colours.
const config = {
  background: null,
  font: "system-ui, sans-serif",
  view: { stroke: null },
  axis: {
    labelColor: "var(--quiet)", titleColor: "var(--quiet)", gridColor: "var(--line)", domainColor: "var(--line)",
    tickColor: "var(--line)", gridOpacity: 0.6, titleFontWeight: "normal", labelFontSize: 11, titleFontSize: 12,
    labelLimit: 150,
  },
  axisY: { tickCount: 5 },
  axisX: { tickCount: 6, labelFlush: true },
  legend: {
    labelColor: "var(--text)", titleColor: "var(--quiet)", orient: "top", title: null, direction: "horizontal",
    labelLimit: 220, columns: 2,
  },
  mark: { color: "var(--candidate)", tooltip: true },
  rule: { color: "var(--quiet)" },
  text: { color: "var(--text)" },
};

async function draw(place) {
  if (place.dataset.drawn) return;
  place.dataset.drawn = "yes";
  const spec = JSON.parse(place.parentElement.querySelector("script").textContent);
  // The description of the whole says it; every mark by itself would be a list of hundreds of numbers.
  spec.config = { ...config, ...spec.config, aria: false };
  await vegaEmbed(place, spec, { actions: false, renderer: "svg", ast: false });
  place.querySelector("svg").setAttribute("aria-hidden", "true");
  place.style.minHeight = "";
}

const places = document.querySelectorAll(".drawn");
const seen = new IntersectionObserver((entries) => {
  for (const entry of entries) if (entry.isIntersecting) draw(entry.target);
}, { rootMargin: "400px" });
for (const place of places) seen.observe(place);

addEventListener("beforeprint", () => {
  for (const one of document.querySelectorAll("details")) one.open = true;
  for (const place of places) draw(place);
});

for (const box of document.querySelectorAll("[data-thresholds]")) {
  const given = JSON.parse(box.dataset.thresholds);
  const input = box.querySelector("input");
  const share = (part, whole) => (whole > 0 ? `${((100 * part) / whole).toFixed(1)} %` : "–");
  const show = () => {
    const index = Number(input.value);
    const [tp, fp] = [given.tp[index], given.fp[index]];
    const [fn, tn] = [given.positives - tp, given.negatives - fp];
    const rows = given.positives + given.negatives;
    const found = {
      threshold: (index / (given.tp.length - 1)).toFixed(2),
      tp: Math.round(tp).toLocaleString("en"), fp: Math.round(fp).toLocaleString("en"),
      fn: Math.round(fn).toLocaleString("en"), tn: Math.round(tn).toLocaleString("en"),
      precision: share(tp, tp + fp), recall: share(tp, given.positives), accuracy: share(tp + tn, rows),
      alerts: ((1000 * (tp + fp)) / rows).toFixed(0),
    };
    for (const [name, text] of Object.entries(found)) {
      for (const cell of box.querySelectorAll(`[data-figure="${name}"]`)) cell.textContent = text;
    }
    input.setAttribute("aria-valuetext", `${found.threshold}: precision ${found.precision}, recall ${found.recall}`);
  };
  input.addEventListener("input", show);
  show();
}
