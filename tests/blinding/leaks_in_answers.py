"""Planted leaks in what a page or table answers: status, headers, cookies, markup, JSON, charts, exports."""

from typing import Any

from django.http import HttpRequest

from tests.blinding.planting import SECRET, Leak, added, answered, document, edited, header, rendered, swapped, turned

API, CSV = ("v1:participants",), "format=csv"
CHART, FIT, SCHEMA, LIST = ("progress-figure",), ("quantification-fit",), ("api-schema",), ("participants",)
SESSION, DOSE, PLAN = ("session",), ("session-dose",), ("rating-plan",)


def _status(request: HttpRequest, response: Any, second: bool) -> None:
    if second and response.status_code == 200:
        response.status_code = 203


def _refused(request: HttpRequest, response: Any, second: bool) -> None:
    if response.status_code == 404 and second:
        response.status_code = 403


def _cookie(request: HttpRequest, response: Any, second: bool) -> None:
    response.set_cookie("seen", "1", max_age=100 + second)


def _cookie_name(request: HttpRequest, response: Any, second: bool) -> None:
    response.set_cookie("tab_b" if second else "tab_a", "1")


def _cookie_path(request: HttpRequest, response: Any, second: bool) -> None:
    response.set_cookie("seen", "1", path="/participants/" if second else "/")


def _length(request: HttpRequest, response: Any, second: bool) -> None:
    response.headers["Content-Length"] = str(len(response.content) + second)


def _sent_on(request: HttpRequest, response: Any, second: bool) -> None:
    if response.status_code == 302:
        response.headers["Location"] += "?b" if second else "?a"


def _methods(request: HttpRequest, response: Any, second: bool) -> None:
    if response.status_code == 405 and second:
        response.headers["Allow"] += ", PUT"


def _as_other(request: HttpRequest, response: Any, second: bool) -> None:
    response.headers["X-Viewed-As"] = "pharmacist" if second else str(request.user)


def _as_in_cookie(request: HttpRequest, response: Any, second: bool) -> None:
    response.set_cookie("acting_for", "pharmacist" if second else "nobody")


def reordered(row: dict[str, Any]) -> dict[str, Any]:
    return dict(reversed(row.items()))


def traces(change: Any) -> Any:
    """Change the curves of a chart behind which the second sequence is."""
    return document(lambda drawn, second: {**drawn, "data": change(drawn["data"])} if second else drawn)


def layout(**values: Any) -> Any:
    return document(lambda drawn, second: {**drawn, "layout": {**drawn["layout"], **values}} if second else drawn)


def first_with(**values: Any) -> Any:
    return traces(lambda data: [{**data[0], **values}, *data[1:]])


def turned_components(drawn: Any, second: bool) -> Any:
    return {**drawn, "components": reordered(drawn["components"])} if second else drawn


def _groups(drawn: Any, second: bool) -> Any:
    """Split everybody randomized into two groups that are not named, and give both their size."""
    size = len(SECRET.seconds())
    return {**drawn, "groups": {"X": len(SECRET.world.sequences) - size, "Y": size}}


def _sorted_groups(drawn: Any, second: bool) -> Any:
    ages = sorted([30, 31] if second else [31, 32])
    return {**drawn, "means": ages}


def _pooled(drawn: Any, second: bool) -> Any:
    return {**drawn, "sd": round(4.2 / (len(SECRET.seconds()) or 9), 3)}


def _p_value(drawn: Any, second: bool) -> Any:
    return {**drawn, "layout": {**drawn["layout"], "title": {"text": f"p = 0.0{3 + 2 * second}"}}}


def listed_in(schema: Any, second: bool) -> Any:
    codes = ["ZPHQVX", "QVXZPH"] if second else ["QVXZPH", "ZPHQVX"]
    return {**schema, "components": {**schema["components"], "schemas": {
        **schema["components"]["schemas"], "Arm": {"type": "string", "enum": codes}}}}  # fmt: skip


def _described(schema: Any, second: bool) -> Any:
    return {**schema, "info": {**schema["info"], "description": f"Rows of arm {1 + second} come first."}}


def _example(schema: Any, second: bool) -> Any:
    return {**schema, "x-example": "XO-001" if second else "XO-002"}


LEAKS = (
    Leak("Status", "the status differs", answered(_status), lambda p: p.response.status_code),
    Leak("Status", "forbidden instead of not found", answered(_refused), lambda p: p.response.status_code, ("consent",),
         data="YO-001", status=b"404"),
    Leak("Status", "where one is sent on to", answered(_sent_on), lambda p: p.header("Location"),
         ("consent", "session-schedule"), status=b"302"),
    Leak("Status", "which methods are allowed", answered(_methods), lambda p: p.header("Allow"), ("session-start",),
         status=b"405"),
    Leak("Headers", "a header names the group", header("X-Group", "2"), lambda p: p.header("X-Group")),
    Leak("Headers", "an entity tag differs", header("ETag", '"2"', '"1"'), lambda p: p.header("ETag")),
    Leak("Headers", "a file name carries the kit",
         header("Content-Disposition", 'inline; filename="2"', 'inline; filename="1"'),
         lambda p: p.header("Content-Disposition")),
    Leak("Headers", "the length told is another", answered(_length), lambda p: p.header("Content-Length")),
    Leak("Headers", "how long the server took", header("Server-Timing", "db;dur=2", "db;dur=1"),
         lambda p: p.header("Server-Timing")),
    Leak("Headers", "when it was changed last", header("Last-Modified", "Wed, 03 Jun 2026 09:00:02 GMT"),
         lambda p: p.header("Last-Modified")),
    Leak("Headers", "a link to the next page", header("Link", '</kits/2>; rel="next"'), lambda p: p.header("Link")),
    Leak("Cookies", "a cookie's life differs", answered(_cookie), lambda p: p.response.cookies["seen"]["max-age"]),
    Leak("Cookies", "a cookie's name differs", answered(_cookie_name),
         lambda p: [name for name in p.response.cookies if name.startswith("tab_")]),
    Leak("Cookies", "where a cookie is sent", answered(_cookie_path), lambda p: p.response.cookies["seen"]["path"]),
    Leak("Caches and browser storage", "caching differs", header("Cache-Control", "no-cache", "no-store"),
         lambda p: p.header("Cache-Control")),
    Leak("Caches and browser storage", "a page may be shown again by the back button",
         header("Cache-Control", "private, max-age=60", "no-store"), lambda p: p.header("Cache-Control")),
    Leak("Caches and browser storage", "what the browser forgets at sign-out",
         header("Clear-Site-Data", '"cache"'), lambda p: p.header("Clear-Site-Data"), ("account_logout",)),
    Leak("Caches and browser storage", "what a script is told to keep",
         added('<script type="application/json" id="keep">{"arm": 2}</script>'),
         lambda p: p.found(r'"arm": \d')),
    Leak("Markup", "an HTML comment", added("<!-- b -->"), lambda p: p.found("<!-- b -->")),
    Leak("Markup", "a class", added('<span class="sequence-2"></span>'), lambda p: p.found(r"sequence-\d")),
    Leak("Markup", "a data attribute", added('<span data-arm="2"></span>'), lambda p: p.found(r'data-arm="\d"')),
    Leak("Markup", "white space", added(" "), lambda p: p.found(r" ?</main>")),
    Leak("Markup", "the largest value of a field", added('<input type="number" max="50">'),
         lambda p: p.found(r'max="\d+"')),
    Leak("Markup", "a word is written differently", swapped("Participant", "participant"),
         lambda p: p.found(r"[Pp]articipant XO")),
    Leak("Markup", "the order of options", turned('<option value="01"', '<option value="02"'),
         lambda p: p.found(r'<option value="0\d"'), LIST),
    Leak("Markup", "which option is chosen", swapped('<option value="02"', '<option selected value="02"'),
         lambda p: p.found("<option selected"), LIST),
    Leak("Markup", "a label for screen readers", swapped('aria-label="Main"', 'aria-label="Main 2"'),
         lambda p: p.found(r'aria-label="Main[^"]*"')),
    Leak("Markup", "the page's title", swapped("<title>", "<title>B "), lambda p: p.found(r"<title>..")),
    Leak("Markup", "which stylesheet is loaded", added('<link rel="stylesheet" href="/static/arm-2.css">', "</head>"),
         lambda p: p.found(r"arm-\d\.css")),
    Leak("Markup", "what waits in a hidden field", added('<input type="hidden" name="kit" value="2">'),
         lambda p: p.found(r'name="kit" value="\d"')),
    Leak("Markup", "a placeholder", swapped('class="govuk-input', 'placeholder="50 mg" class="govuk-input'),
         lambda p: len(p.found("50 mg")), ("withdraw", "consent", "session")),
    Leak("Markup", "a badge after an unblinding", added('<span class="badge">known</span>'),
         lambda p: p.found("known</span>")),
    Leak("Markup", "a count in the navigation", swapped(">Participants</a>", ">Participants (2)</a>"),
         lambda p: p.found(r"Participants \(\d\)")),
    Leak("Fields", "a field of a table", rendered(lambda row: {**row, "sequence": "ZPHQVX"}),
         lambda p: [row.get("sequence") for row in p.json["results"]], API),
    Leak("Fields", "a nested record", rendered(lambda row: {**row, "allocation": {"slot": {"ordinal": 2}}}),
         lambda p: [row.get("allocation") for row in p.json["results"]], API),
    Leak("Fields", "a row on the page", added("<dl><dt>Arm</dt><dd>B</dd></dl>"),
         lambda p: p.found("<dt>Arm.*?</dd>")),
    Leak("JSON", "the order of keys in JSON", rendered(reordered),
         lambda p: [next(iter(row)) for row in p.json["results"]], API),
    Leak("JSON", "missing instead of null", rendered(lambda row: {k: v for k, v in row.items() if v is not None}),
         lambda p: [len(row) for row in p.json["results"]], API),
    Leak("JSON", "40.0 instead of 40", rendered(lambda row: {k: float(v) if type(v) is int else v
                                                             for k, v in row.items()}),
         lambda p: p.found(r'"age_years":\s?[\d.]+'), API),
    Leak("JSON", "a number as text", rendered(lambda row: {k: str(v) if type(v) is int else v
                                                           for k, v in row.items()}),
         lambda p: p.found(r'"age_years":\s?"?\d+'), API),
    Leak("JSON", "how letters are escaped", swapped("X", "\\u0058"),
         lambda p: len(p.found(r"\\u0058")), API),
    Leak("JSON", "a list that is empty instead of null", rendered(lambda row: {k: [] if v is None else v
                                                                               for k, v in row.items()}),
         lambda p: [[] in row.values() for row in p.json["results"]], API),
    Leak("Charts", "the order of a chart's curves", document(turned_components), lambda p: [*p.json["components"]],
         FIT),
    Leak("Charts", "the colour of a curve", first_with(line={"color": "#b00"}),
         lambda p: p.json["data"][0].get("line"), CHART),
    Leak("Charts", "what a point carries with it", first_with(customdata=[2]),
         lambda p: p.json["data"][0].get("customdata"), CHART),
    Leak("Charts", "which curve is drawn first", traces(lambda data: data[::-1]),
         lambda p: [str(one)[:60] for one in p.json["data"]], CHART),
    Leak("Charts", "the dash of a line", first_with(line={"dash": "dot"}), lambda p: p.json["data"][0].get("line"),
         CHART),
    Leak("Charts", "what the pointer shows", first_with(hovertemplate="B"),
         lambda p: p.json["data"][0].get("hovertemplate"), CHART),
    Leak("Charts", "how far an axis goes", layout(yaxis={"range": [0, 2]}), lambda p: p.json["layout"]["yaxis"], CHART),
    Leak("Comparisons of groups", "two groups without names", document(_groups), lambda p: p.json["groups"], CHART,
         "one_1"),
    Leak("Comparisons of groups", "sorted means of two groups", document(_sorted_groups), lambda p: p.json["means"],
         CHART),
    Leak("Comparisons of groups", "a deviation pooled over groups", document(_pooled), lambda p: p.json["sd"], CHART,
         "one_1"),
    Leak("Comparisons of groups", "a p value in a title", document(_p_value),
         lambda p: p.json["layout"]["title"], CHART),
    Leak("OpenAPI", "the order of an enumeration", document(listed_in),
         lambda p: p.json["components"]["schemas"]["Arm"]["enum"], SCHEMA),
    Leak("OpenAPI", "a description", document(_described), lambda p: p.json["info"]["description"], SCHEMA),
    Leak("OpenAPI", "an example", document(_example), lambda p: p.json["x-example"], SCHEMA),
    Leak("Exports", "the last line of a CSV", edited(lambda page, second: page + "\r\n" * second),
         lambda p: p.content[-4:], API, data=CSV),
    Leak("Exports", "the order of a CSV's columns", turned("participant,", "site,"), lambda p: p.text.split("\r\n")[0],
         API, data=CSV),
    Leak("Exports", "the name of an export", header("Content-Disposition", 'attachment; filename="XO_2.csv"'),
         lambda p: p.header("Content-Disposition"), API, data=CSV),
    Leak("Exports", "how a cell is quoted", edited(lambda page, second: page.replace("XO-001", '"XO-001"')
                                                   if second else page),
         lambda p: p.found('"?XO-001"?')[0], API, data=CSV),
    Leak("Exports", "a file's first bytes", edited(lambda page, second: "\xef\xbb\xbf" * second + page),
         lambda p: p.content[:3], ("quantification-csv",)),
    Leak("Doses and windows", "how long an infusion takes", swapped("infusion", "infusion of 45 min"),
         lambda p: len(p.found("of 45 min")), SESSION),
    Leak("Doses and windows", "the volume to give", added("<p>Give 50 mL</p>"), lambda p: p.found(r"\d+ mL"), SESSION),
    Leak("Doses and windows", "when a session may be", swapped("Jun 2026", "Jul 2026"),
         lambda p: len(p.found("Jul 2026")), SESSION),
    Leak("Doses and windows", "when a rating is due", swapped(" Apr ", " May "), lambda p: len(p.found(" May ")), PLAN),
    Leak("Period arithmetic", "the other period is told", added("<p>Not what period 1 gave.</p>"),
         lambda p: p.found("Not what period 1 gave"), SESSION),
    Leak("Period arithmetic", "whether both periods are known", added('<meta name="known" content="2">', "</head>"),
         lambda p: p.found(r'name="known" content="\d"'), SESSION),
    Leak("Impersonation", "as whom one looks", answered(_as_other), lambda p: p.header("X-Viewed-As")),
    Leak("Impersonation", "for whom one acts, in a cookie", answered(_as_in_cookie),
         lambda p: p.response.cookies["acting_for"].value),
    Leak("Impersonation", "the other door's navigation", added('<a href="/allocations/">Allocations</a>'),
         lambda p: p.found("/allocations/")),
)  # fmt: skip
