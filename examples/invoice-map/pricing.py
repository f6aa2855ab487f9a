"""Prices of invoice lines, in cents."""


def price(item):
    """Quantity times unit price."""
    return item["quantity"] * item["unitPrice"]


def add_up(invoice):
    """The sum of all lines."""
    return {"lines": len(invoice["totals"]), "total": sum(invoice["totals"]), "currency": invoice["currency"]}
