"""The addresses and domains that are the lab's own."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network

# The private networks that lab hosts live in; the first ten addresses of each are the lab's own.
IPV4 = IPv4Network("10.99.0.0/24")
IPV6 = IPv6Network("fd4d:6169:6c6c::/64")
OWN_ADDRESSES = 10
TERRITORIES = "maillage.test"  # below it, those that init makes up; no other DNS has it
OUTSIDE = "internet.test"  # the domain of the lab's own services
CORRESPONDENT = "exterieur.test"  # somebody to write to who is in no territory
FALSE = "certificat-faux.test"  # the same, whose certificate is not for the name that its policy asks for
DOMAINS = (OUTSIDE, CORRESPONDENT, FALSE)
