"""Draws the dashboards' queries, a picture for each dashboard, laid out as Grafana would.

    draw.py DASHBOARDS PROMETHEUS PICTURES [SECONDS]

DASHBOARDS is the folder of dashboards, PROMETHEUS the server's URL, PICTURES the folder to write to, and SECONDS how far back
the graphs reach (as far as there is data, unless given). It is no Grafana: it shows what the queries return, with the titles,
units, legends, colours and thresholds that the panels ask for.
"""

import datetime
import json
import math
import pathlib
import re
import sys
import urllib.parse
import urllib.request

import matplotlib

matplotlib.use("Agg")
from matplotlib import dates, pyplot, ticker  # noqa: E402

# One cell of the grid, in inches, and its width in cells
CELL = (0.62, 0.34)
WIDTH = 24
TEXT, FAINT, BACK, FRAME = "#24292e", "#6e7781", "#f4f5f5", "#ffffff"
# Grafana's names of colours, and its palette for series without one
COLOURS = {
    "green": "#56a64b", "orange": "#ff780a", "red": "#e02f44", "blue": "#3274d9", "purple": "#a352cc", "yellow": "#e0b400",
}
PALETTE = ["#56a64b", "#e0b400", "#3274d9", "#ff780a", "#e02f44", "#8ab8ff", "#a352cc", "#705da0", "#37872d", "#fade2a", "#447ebc"]
SECONDS = [(86400, "d"), (3600, "h"), (60, "min"), (1, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns")]
SUFFIXES = {"eps": " ev/s", "reqps": " req/s", "cps": "/s", "ops": " op/s"}


class Prometheus:
    """Asks the queries, over one span of time and with one step."""

    def __init__(self, url, seconds):
        self.url = url
        self.end = self.ask("query", query="time()")["result"][0]
        self.end = float(self.end)
        seconds = seconds or self.known()
        self.step = max(1, round(seconds / 300))
        self.times = [self.end - self.step * ago for ago in reversed(range(int(seconds / self.step) + 1))]
        self.start = self.times[0]

    def known(self):
        """For how many seconds there is data."""
        first = self.ask("query", query="min(min_over_time(timestamp(up)[1h:1s]))")["result"]
        return self.end - float(first[0]["value"][1])

    def ask(self, path, **parameters):
        query = urllib.parse.urlencode(parameters)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"{self.url}/api/v1/{path}?{query}") as answer:
            return json.load(answer)["data"]

    def fill_in(self, expr):
        variables = {"$__rate_interval": f"{max(15, 4 * self.step)}s", "$instance": ".*", "$job": "campaign-manager"}
        for name, value in variables.items():
            expr = expr.replace(name, value)
        return expr

    def series(self, target):
        """[(legend, times, values)], in the order of the answer."""
        # an instant query is one with a single step
        start = self.end if target.get("instant") else self.start
        found = self.ask("query_range", query=self.fill_in(target["expr"]), start=start, end=self.end, step=self.step)
        series = []
        for one in found["result"]:
            # Prometheus leaves out the steps at which there is nothing
            values = [math.nan] * len(self.times)
            for time, text in one["values"]:
                value = float(text)
                values[round((time - self.start) / self.step)] = value if math.isfinite(value) else math.nan
            series.append((legend(target.get("legendFormat", ""), one["metric"]), self.times, values))
        return series

    def rows(self, target):
        """The labels and the value of each series, now."""
        found = self.ask("query", query=self.fill_in(target["expr"]), time=self.end)
        return [one["metric"] | {"Value": float(one["value"][1])} for one in found["result"]]


def legend(form, labels):
    return re.sub(r"\{\{\s*(\w+)\s*\}\}", lambda found: labels.get(found[1], ""), form)


def number(value, unit, decimals=None):
    """A value as Grafana writes it, more or less."""
    if not math.isfinite(value):
        return "–"
    if unit == "percentunit":
        return (f"{value * 100:.2g} %" if abs(value) < 0.1 else f"{value * 100:.0f} %") if decimals is None else f"{value * 100:.{decimals}f} %"
    if unit == "s":
        size, name = next(((size, name) for size, name in SECONDS if abs(value) >= size), (1, "s"))
        return f"{value / size:.3g} {name}"
    if unit in ("bytes", "Bps"):
        prefixes = ["", "Ki", "Mi", "Gi", "Ti"] if unit == "bytes" else ["", "k", "M", "G", "T"]
        base = 1024 if unit == "bytes" else 1000
        power = min(4, int(math.log(abs(value), base) + 1e-9)) if abs(value) >= 1 else 0
        return f"{value / base**power:.4g} {prefixes[power]}B" + ("/s" if unit == "Bps" else "")
    if unit == "none":
        return f"{value:.{decimals}f}" if decimals is not None else f"{value:g}"
    power = min(3, int(math.log(abs(value), 1000))) if abs(value) >= 1 else 0
    return f"{value / 1000**power:.3g}{['', 'k', 'M', 'G'][power]}{SUFFIXES.get(unit, '')}"


def threshold(panel, value):
    """The colour that a value has by the panel's thresholds."""
    colour = "green"
    for step in panel["fieldConfig"]["defaults"]["thresholds"]["steps"]:
        if step["value"] is None or value >= step["value"]:
            colour = step["color"]
    return COLOURS[colour]


def override(panel, name, identity):
    """What the panel says otherwise of the series of this name."""
    for one in panel["fieldConfig"]["overrides"]:
        if one["matcher"]["options"] == name:
            for prop in one["properties"]:
                if prop["id"] == identity:
                    return prop["value"]
    return None


def graph(axes, panel, prometheus):
    defaults = panel["fieldConfig"]["defaults"]
    custom = defaults["custom"]
    series = [one for target in panel["targets"] for one in prometheus.series(target)]
    right = None
    colours = []
    for at, (name, _, _) in enumerate(series):
        colour = override(panel, name, "color")
        colours.append(COLOURS[colour["fixedColor"]] if colour else PALETTE[at % len(PALETTE)])
    if custom["stacking"]["mode"] == "normal" and series:
        times = [datetime.datetime.fromtimestamp(time) for time in series[0][1]]
        stack = [[0 if math.isnan(value) else value for value in values] for _, _, values in series]
        axes.stackplot(times, stack, labels=[name for name, _, _ in series], colors=colours, alpha=0.6)
    else:
        for (name, times, values), colour in zip(series, colours):
            on = axes
            if override(panel, name, "custom.axisPlacement") == "right":
                on = right = right or axes.twinx()
                right.yaxis.set_major_formatter(formatter(override(panel, name, "unit")))
                right.tick_params(labelsize=6, colors=FAINT, length=0)
                right.set_ylim(bottom=0)
                right.spines[:].set_visible(False)
            dash = "--" if override(panel, name, "custom.lineStyle") else "-"
            when = [datetime.datetime.fromtimestamp(time) for time in times]
            on.plot(when, values, color=colour, linestyle=dash, linewidth=1.1, label=name)
    if custom["scaleDistribution"]["type"] == "log":
        axes.set_yscale("log")
    elif "min" in defaults:
        axes.set_ylim(bottom=defaults["min"])
        if not any(value > 0 for _, _, values in series for value in values):
            axes.set_ylim(top=1)
    if "max" in defaults:
        axes.set_ylim(top=defaults["max"] * 1.02)
    axes.yaxis.set_major_formatter(formatter(defaults["unit"], defaults.get("decimals")))
    if custom["scaleDistribution"]["type"] != "log":
        axes.yaxis.set_major_locator(locator(defaults))
    over_time(axes, prometheus)
    axes.grid(color="#e4e6e8", linewidth=0.6)
    handles, labels = axes.get_legend_handles_labels()
    if right:
        handles, labels = handles + right.get_legend_handles_labels()[0], labels + right.get_legend_handles_labels()[1]
    axes.legend(
        handles, labels, loc="upper left", bbox_to_anchor=(-0.02, -0.1), ncols=min(6, max(1, len(labels))), fontsize=6,
        frameon=False, labelcolor=TEXT, handlelength=1.2, columnspacing=1, borderpad=0,
    )


class Binary(ticker.MaxNLocator):
    """Steps that are round in KiB, MiB and GiB."""

    def tick_values(self, low, high):
        step = 2 ** max(0, math.ceil(math.log2(max(high - low, 1) / 6)))
        return [step * at for at in range(math.floor(low / step), math.ceil(high / step) + 1)]


def locator(defaults):
    if defaults["unit"] == "bytes":
        return Binary()
    return ticker.MaxNLocator(nbins=6, integer=defaults.get("decimals") == 0)


def formatter(unit, decimals=None):
    return ticker.FuncFormatter(lambda value, _: number(value, unit, decimals))


def over_time(axes, prometheus):
    start, end = (datetime.datetime.fromtimestamp(time) for time in (prometheus.start, prometheus.end))
    axes.set_xlim(start, end)
    axes.xaxis.set_major_locator(ticker.LinearLocator(4))
    axes.xaxis.set_major_formatter(dates.DateFormatter("%H:%M:%S"))


def heatmap(axes, panel, prometheus):
    bounded = sorted(
        ((float(name.replace("+Inf", "inf")), values) for name, _, values in prometheus.series(panel["targets"][0])),
    )
    rows, below = [], None
    for _, values in bounded:
        values = [0 if math.isnan(value) else value for value in values]
        rows.append([max(0, value - low) for value, low in zip(values, below or [0] * len(values))])
        below = values
    # as Grafana does: without the buckets at either end that nothing fell into
    used = [at for at, row in enumerate(rows) if any(row)] or [0]
    first, last = used[0], used[-1] + 1
    extent = [*(dates.date2num(datetime.datetime.fromtimestamp(time)) for time in (prometheus.start, prometheus.end)), 0, last - first]
    shown = [[math.sqrt(value) if value else math.nan for value in row] for row in rows[first:last]]
    axes.imshow(shown, aspect="auto", origin="lower", extent=extent, cmap="YlOrRd", interpolation="nearest", vmin=0)
    unit = panel["options"]["yAxis"]["unit"]
    bounds = [number(bound, unit) if math.isfinite(bound) else "∞" for bound, _ in bounded]
    axes.set_yticks(range(1, last - first + 1), bounds[first:last])
    axes.xaxis_date()
    over_time(axes, prometheus)


def stat(axes, panel, prometheus):
    defaults = panel["fieldConfig"]["defaults"]
    values = []
    for target in panel["targets"]:
        for name, _, samples in prometheus.series(target):
            known = [value for value in samples[-3:] if not math.isnan(value)]
            values.append((name, known[-1] if known else math.nan))
    axes.set_axis_off()
    mapped = {value: text["text"] for one in defaults.get("mappings", []) for value, text in one["options"].items()}
    for at, (name, value) in enumerate(values):
        width = 1 / len(values)
        box = pyplot.Rectangle((at * width, 0), width, 1, color=threshold(panel, value), transform=axes.transAxes)
        axes.add_patch(box)
        text = mapped.get(f"{value:g}", number(value, defaults["unit"], defaults.get("decimals")))
        size = min(17, 110 / len(text)) / (1.3 if len(values) > 1 else 1)
        middle = (at + 0.5) * width
        axes.text(middle, 0.48, text, fontsize=size, color="white", weight="bold", ha="center", va="center", transform=axes.transAxes)
        if panel["options"]["textMode"] == "value_and_name":
            axes.text(middle, 0.12, name, fontsize=6, color="white", ha="center", va="center", transform=axes.transAxes)


def table(axes, panel, prometheus):
    axes.set_axis_off()
    organize = panel["transformations"][0]["options"]
    rows = prometheus.rows(panel["targets"][0])
    columns = [name for name in (rows or [{}])[0] if not organize["excludeByName"].get(name)]
    unit = panel["fieldConfig"]["defaults"]["unit"]
    cells = [[number(row[name], unit) if name == "Value" else row.get(name, "") for name in columns] for row in rows]
    titles = [organize["renameByName"].get(name, name) for name in columns]
    if cells:
        drawn = axes.table(cellText=cells, colLabels=titles, loc="upper center", cellLoc="left", edges="horizontal")
        drawn.auto_set_font_size(False)
        drawn.set_fontsize(7)


KINDS = {"timeseries": graph, "heatmap": heatmap, "stat": stat, "table": table}


def inside(figure, place, rows, margins):
    """Axes in a panel's place, less margins in inches: left, bottom, right, top."""
    wide, high = figure.get_size_inches()
    left, bottom, right, top = margins
    x, w = place["x"] * CELL[0], place["w"] * CELL[0]
    y, h = (rows - place["y"] - place["h"]) * CELL[1], place["h"] * CELL[1]
    return figure.add_axes([(x + left) / wide, (y + bottom) / high, (w - left - right) / wide, (h - bottom - top) / high])


def draw(dashboard, prometheus):
    rows = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in dashboard["panels"])
    figure = pyplot.figure(figsize=(WIDTH * CELL[0], (rows + 1.4) * CELL[1]), facecolor=BACK)
    wide, high = figure.get_size_inches()
    figure.text(0.1 / wide, 1 - 0.28 / high, dashboard["title"], fontsize=13, color=TEXT, va="center", weight="bold")
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        left, top = place["x"] * CELL[0], (rows - place["y"]) * CELL[1]
        if panel["type"] == "row":
            figure.text((left + 0.1) / wide, (top - CELL[1] / 2) / high, panel["title"], fontsize=9, color=TEXT, va="center")
            continue
        frame = inside(figure, place, rows, (0.04, 0.04, 0.04, 0.04))
        frame.set(facecolor=FRAME, xticks=[], yticks=[])
        frame.spines[:].set_color("#d8dadc")
        figure.text((left + 0.14) / wide, (top - 0.17) / high, panel["title"], fontsize=8, color=TEXT, va="center")
        small = panel["type"] in ("stat", "table")
        right = 0.72 if '"right"' in json.dumps(panel["fieldConfig"]["overrides"]) else 0.3
        axes = inside(figure, place, rows, (0.12, 0.12, 0.12, 0.32) if small else (0.72, 0.52, right, 0.4))
        axes.tick_params(labelsize=6, colors=FAINT, length=0)
        axes.spines[:].set_visible(False)
        KINDS[panel["type"]](axes, panel, prometheus)
    return figure


def main(folder, url, pictures, seconds=None):
    prometheus = Prometheus(url, seconds and float(seconds))
    to = pathlib.Path(pictures)
    to.mkdir(parents=True, exist_ok=True)
    for path in sorted(pathlib.Path(folder).glob("*.json")):
        figure = draw(json.loads(path.read_text()), prometheus)
        figure.savefig(to / f"{path.stem}.png", dpi=90)
        pyplot.close(figure)
        print(to / f"{path.stem}.png")


if __name__ == "__main__":
    main(*sys.argv[1:])
