"""The words of the status page, those of dates included."""

from datetime import datetime

from status import history

MONTHS = {
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "en": "January February March April May June July August September October November December",
}
WORDS = {
    "fr": {
        "title": "État des services",
        "seen_at": "Vu le {}. Si cette heure est passée depuis plus de cinq minutes, regardez chez un voisin.",
        "up": "Tout fonctionne.",
        "partly": "Une partie ne répond pas.",
        "down": "Rien ne répond.",
        "unknown": "Personne ne le voit en ce moment.",
        "service": {"up": "fonctionne", "down": "ne répond pas", "unknown": "inconnu"},
        "bars": "Les 90 derniers jours, une barre par jour ; le texte qui suit dit la même chose.",
        "share": "Sur 90 jours, tout répondait pendant {} % du temps observé.",
        "trouble": "Interruptions : {}.",
        "no_history": "Pas encore d’historique.",
        "services": "Ses services",
        "from_to": "Du {} au {} :",
        "since": "Depuis le {} :",
        "elsewhere": "Cette page ailleurs",
        "elsewhere_text": "Si ce site ne répond plus, ses voisins disent ce qu’ils en voient :",
        "legend": "Une barre par jour : verte, tout répondait ; orange, il y a eu moins d’une heure d’interruption ; "
        "rouge, davantage ; grise, personne n’a regardé.",
        "point": ",",
    },
    "en": {
        "title": "Status of the services",
        "seen_at": "Seen on {}. If that is more than five minutes ago, look at a neighbour’s.",
        "up": "All works.",
        "partly": "A part of it does not answer.",
        "down": "Nothing answers.",
        "unknown": "Nobody sees it at the moment.",
        "service": {"up": "works", "down": "does not answer", "unknown": "unknown"},
        "bars": "The last 90 days, a bar for each; the text that follows says the same.",
        "share": "Over 90 days, all answered during {} % of the time that was watched.",
        "trouble": "Interruptions: {}.",
        "no_history": "No history yet.",
        "services": "Its services",
        "from_to": "From {} to {}:",
        "since": "Since {}:",
        "elsewhere": "This page elsewhere",
        "elsewhere_text": "If this site does not answer, its neighbours say what they see of it:",
        "legend": "A bar for each day: green, all answered; orange, less than an hour of interruption; red, more; "
        "grey, nobody looked.",
        "point": ".",
    },
}


def day(date, language):
    """A date in words."""
    month, number = date.split("-")[1:]
    return f"{int(number)}\u00a0{MONTHS[language].split()[int(month) - 1]}"


def moment(seconds, language):
    """A date and a time in words, where the people are."""
    when = datetime.fromtimestamp(seconds, history.ZONE)
    return f"{day(when.date().isoformat(), language)} {when:%H:%M}"


def lasting(seconds, language):
    """How long something took."""
    if seconds < 3600:
        return f"{max(1, round(seconds / 60))}\u00a0min"
    return f"{seconds / 3600:.1f}\u00a0h".replace(".", WORDS[language]["point"])
