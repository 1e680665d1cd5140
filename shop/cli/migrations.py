"""Migrations with Flask-Migrate, which only these commands load: a server does without its memory."""

from typing import Any

from click import Command, Context, Group
from flask import Flask, current_app

from shop.app import create_app, find_migrations
from shop.settings import Settings

MIGRATION_COMMANDS = "db"


def prepare_migrations(app: Flask) -> Flask:
    from flask_migrate import Migrate

    Migrate(app, app.extensions["sqlalchemy"], directory=str(find_migrations()))
    return app


def upgrade_database(**options: Any) -> None:
    """Bring the database of the current app to the newest step."""
    from flask_migrate import upgrade

    prepare_migrations(current_app._get_current_object())
    upgrade(**options)


def create_migratable_app(settings: Settings | None = None) -> Flask:
    """Return an app on which the functions of Flask-Migrate work."""
    return prepare_migrations(create_app(settings))


class LazyGroup(Group):
    """A group of commands that loads those of the migrations when they are asked for."""

    def list_commands(self, ctx: Context) -> list[str]:
        return sorted([*super().list_commands(ctx), MIGRATION_COMMANDS])

    def get_command(self, ctx: Context, name: str) -> Command | None:
        if name != MIGRATION_COMMANDS:
            return super().get_command(ctx, name)
        from flask_migrate.cli import db

        return db
