"""The page itself: HTML that is read without scripts, by people and by screen readers, in French or English."""

import time
from html import escape

from status import history
from status.words import WORDS, day, lasting, moment

RECENT = 14 * 86400  # seconds for which an incident that is over is shown
SHORTEST = 86400  # seconds that were watched, before a share of them says anything
SLIGHT = 3600  # seconds of trouble in a day above which its bar is another one
WIDTH, HEIGHT, STEP = 4, 34, 6  # of a bar, in the drawing's own units


def page(territories, language):
    """One language's page, of `territories` with `seen`, `days` and `incidents`; this node's own comes first."""
    say = WORDS[language]
    here = territories[0]["domain"]
    others = "".join(
        f'<li><a href="https://{escape(each["domain"])}/status/">{escape(each["domain"])}</a></li>'
        for each in territories[1:]
    )
    sections = "\n".join(section(each, language) for each in territories)
    elsewhere = f"<h2>{say['elsewhere']}</h2>\n<p>{say['elsewhere_text']}</p>\n<ul>{others}</ul>" if others else ""
    other = {
        "fr": '<a href="en.html" lang="en" hreflang="en">English</a>',
        "en": '<a href="./" lang="fr" hreflang="fr">Français</a>',
    }
    return f"""<!DOCTYPE html>
<html lang="{language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{say["title"]} – {escape(here)}</title>
<link rel="stylesheet" href="/status.css">
</head>
<body>
<header>
<h1>{say["title"]}</h1>
<p>{say["seen_at"].format(moment(time.time(), language))} {other[language]}</p>
</header>
<main>
{sections}
<p>{say["legend"]}</p>
{elsewhere}
</main>
</body>
</html>
"""


def state(territory):
    """All of it in one word."""
    seen = territory["seen"]
    its_own = [
        each["name"] for each in territory["services"] if each["kind"] != "dns"
    ]  # the names are served elsewhere
    if not seen:
        return "unknown"
    return "up" if all(seen.values()) else "partly" if any(seen.get(name) for name in its_own) else "down"


def section(territory, language):
    """One territory; what works at a peer is folded away."""
    say, seen, whole = WORDS[language], territory["seen"], state(territory)
    lines = "\n".join(service(each[language], seen.get(each["name"]), say) for each in territory["services"])
    services = f'<ul class="services">\n{lines}\n</ul>'
    if whole == "up" and not territory["own"]:
        services = f"<details>\n<summary>{say['services']}</summary>\n{services}\n</details>"
    return f"""<section>
<h2>{escape(territory["domain"])}</h2>
<p class="state {whole}">{say[whole]}</p>
{incidents(territory["incidents"], language)}{services}
{bars(territory["days"], language)}
</section>"""


def service(name, good, say):
    """A line for one service."""
    state = "unknown" if good is None else "up" if good else "down"
    return f'<li class="{state}"><span>{escape(name)}</span> <span>{say["service"][state]}</span></li>'


def bars(days, language):
    """The last 90 days: a drawing, and the same in words."""
    say, drawn, trouble = WORDS[language], [], []
    for place, date in enumerate(history.dates()):
        known, bad = days.get(date, (0, 0))
        state = "unknown" if not known else "up" if bad < 1 else "partly" if bad <= SLIGHT else "down"
        drawn.append(f'<rect class="{state}" x="{place * STEP}" width="{WIDTH}" height="{HEIGHT}"></rect>')
        if bad >= 1:
            trouble.append(f"{day(date, language)} ({lasting(bad, language)})")
    known, bad = (sum(each[column] for each in days.values()) for column in (0, 1))
    share = f"{100 * (1 - bad / known):.2f}".replace(".", say["point"]) if known else None
    text = say["share"].format(share) if known >= SHORTEST else say["no_history"]
    if trouble:
        text += " " + say["trouble"].format(", ".join(reversed(trouble[-10:])))
    width = STEP * history.DAYS
    return f"""<svg class="days" viewBox="0 0 {width} {HEIGHT}" preserveAspectRatio="none"
 role="img" aria-label="{say["bars"]}">
{"".join(drawn)}
</svg>
<p class="share">{text}</p>"""


def incidents(written, language):
    """What the partner wrote: what is not over, and what was lately."""
    say, lines = WORDS[language], []
    for each in sorted(written, key=lambda each: -each["begin"]):
        if each["end"] is None or each["end"] > time.time() - RECENT:
            text, of = (each["en"], "en") if language == "en" and each["en"] else (each["fr"], "fr")
            times = [moment(when, language) for when in (each["begin"], each["end"]) if when]
            when = say["from_to"].format(*times) if each["end"] else say["since"].format(*times)
            lines.append(f'<li lang="{of}"><span lang="{language}">{when}</span> {escape(text)}</li>')
    return f'<ul class="incidents">{"".join(lines)}</ul>\n' if lines else ""
