"""Texts that several tests start from."""

from pathlib import Path

SAMPLE = Path(__file__).resolve().parents[2] / "inventories" / "normandie"

REAL = """\
territory: montagne
domain: montagne.example
partner: {name: Partenaire d'exemple, contact: contact@exterieur.example}
hosts:
  - {name: noeud, provider: existing, address: {ipv4: 203.0.113.11}}
services:
  cloud: {engine: radicale, default_plan: essentiel}
plans:
  essentiel: {quota: 10 GB, price: 3.00}
"""
