"""The command tree."""

from __future__ import annotations

import typer

from hub.cli import accounts, chats, handover, invoices, keys, notices, people, privacy, records, resolve, server, tags, work

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help="联枢 Lianshu")
server.register(app)
work.register(app)
app.command()(resolve.resolve)
app.add_typer(accounts.app, name="accounts")
app.add_typer(people.customers, name="customers")
app.add_typer(people.users, name="users")
app.add_typer(records.deliveries, name="deliveries")
app.add_typer(invoices.invoices, name="invoices")
app.add_typer(records.quarantine, name="quarantine")
app.add_typer(records.inbox, name="inbox")
app.add_typer(tags.tags, name="tags")
app.add_typer(chats.chats, name="chats")
app.add_typer(notices.notices, name="notices")
app.add_typer(handover.handover, name="handover")
app.add_typer(keys.keys, name="keys")
app.add_typer(privacy.privacy, name="privacy")
app.add_typer(records.audit, name="audit")


def main() -> None:
    """Entry point."""
    app()
