"""Reads a page as a person's browser would: its links, and its forms filled in."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import parse_qsl, urlencode

from tests.factories.people import PASSWORD

# Answers that a form's own rules ask for; everything else is filled in by its kind.
WORDS = {
    "password": PASSWORD, "oldpassword": PASSWORD, "password1": "another-correct-horse", "login": "rater",
    "password2": "another-correct-horse", "I1": "yes", "I2": "yes", "E1": "no", "form_version": "4.0",
    "full_name": "Kim Crawled", "contact": "kim@example.org", "days": "30", "name": "Crawler", "seq": "1",
    "started_time": "10:00", "ended_at": "10:59", "scan_started": "10:00", "simulation": "sim:press:35@3T",
    "new_value": "6", "item": "1", "participant": "XO-001", "recipient_name": "Wren Ward",
    "recipient_email": "wren@hospital.example",
}  # fmt: skip
PARTS = {"born_on": ("4", "5", "1992"), "": ("3", "6", "2026")}
TIME = "10:58"


@dataclass
class Form:
    """A form and its controls in order."""

    action: str
    method: str
    fields: list[tuple[str, str, str, list[str]]] = field(default_factory=list)
    most: dict[str, str] = field(default_factory=dict)
    """By field: the largest number or the longest text that the page lets somebody type."""

    def filled(self, *, last: bool = False) -> str:
        """Return the encoded answers of somebody who fills in everything; `last` takes the last choice."""
        answers: dict[str, str] = {}
        for name, kind, value, options in self.fields:
            short = name.rsplit("-", 1)[-1]
            if name.endswith("missing_reason"):
                continue
            if kind in {"hidden", "submit"}:
                if value or kind == "hidden":
                    answers.setdefault(name, value)
            elif kind in {"radio", "checkbox"}:
                wanted = WORDS.get(short)
                is_answer = wanted in {value, None} or wanted not in {"yes", "no"}
                if is_answer and (last or name not in answers or wanted == value):
                    answers[name] = value
            elif kind == "select":
                chosen = [option for option in options if option]
                answers[name] = (chosen[-1] if last else chosen[0]) if chosen else ""
            else:
                answers[name] = value or self._typed(name, short)
        return urlencode(answers)

    @staticmethod
    def _typed(name: str, short: str) -> str:
        for position, ending in enumerate(("day", "month", "year")):
            for mark in ("_", "-"):
                if name.endswith((f"{mark}{ending}", f"{mark}{position}")):
                    stem = name[: -len(ending) - 1] if name.endswith(ending) else name[:-2]
                    return PARTS.get(stem, PARTS[""])[position]
        if name.endswith("_3"):
            return TIME
        return WORDS.get(short, TIME if "time" in short else "As crawled")

    def beyond(self) -> str:
        """Return what somebody sends who goes a step beyond each limit that the page names; "" where it names none."""
        over = {
            name: "x" * (int(most[1:]) + 1) if most.startswith("#") else f"{float(most) + 1:g}"
            for name, most in self.most.items()
        }
        answers = dict(parse_qsl(self.filled(), keep_blank_values=True))
        return urlencode(answers | over) if over else ""

    def empty(self) -> str:
        """Return what a person sends who fills in nothing."""
        return urlencode([(name, value) for name, kind, value, _ in self.fields if kind == "hidden"])


class Page(HTMLParser):
    """Links and forms of a page."""

    def __init__(self, body: bytes) -> None:
        super().__init__()
        self.links: list[str] = []
        self.forms: list[Form] = []
        self._second: list[Form] = []
        self._inside = False
        self._options: list[str] | None = None
        self.feed(body.decode("utf-8", "replace"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect what can be followed and filled in."""
        found = {name: value or "" for name, value in attrs}
        if tag == "a" and found.get("href", "").startswith(("/", "?")):
            self.links.append(found["href"])
        for name in ("data-url", "data-src", "data-save", "data-figure", "hx-get"):
            if found.get(name, "").startswith("/"):
                self.links.append(found[name])
        if tag == "form":
            self.forms.append(Form(found.get("action", ""), found.get("method", "get").upper()))
            self._inside = True
        elif self._inside and found.get("formaction"):
            # A second button of the form: the same answers sent elsewhere.
            self._second.append(Form(found["formaction"], "POST", self.forms[-1].fields))
        elif self._inside and found.get("name") and found["name"] != "csrfmiddlewaretoken":
            self._control(tag, found)
        elif tag == "option" and self._options is not None:
            self._options.append(found.get("value", ""))

    def _control(self, tag: str, found: dict[str, str]) -> None:
        fields, most = self.forms[-1].fields, self.forms[-1].most
        if found.get("maxlength", "").isdigit():
            most[found["name"]] = f"#{found['maxlength']}"
        elif found.get("max", "").replace(".", "", 1).isdigit():
            most[found["name"]] = found["max"]
        if tag == "input":
            fields.append((found["name"], found.get("type", "text"), found.get("value", ""), []))
        elif tag == "button":
            fields.append((found["name"], "submit", found.get("value", ""), []))
        elif tag == "textarea":
            fields.append((found["name"], "text", "", []))
        elif tag == "select":
            self._options = []
            fields.append((found["name"], "select", "", self._options))

    def handle_endtag(self, tag: str) -> None:
        """Close a form or a list of choices."""
        if tag == "form":
            self._inside = False
            self.forms += self._second
            self._second = []
        elif tag == "select":
            self._options = None
