"""Every page at both widths: nothing hangs over the edge, the browser has nothing to complain about."""

from __future__ import annotations

from typing import Any

import pytest

from tests.hub.admin.test_pages import pages

LANGUAGES = {"zh": "中文", "en": "English"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_fits_and_is_silent(visitor: Any, site: Any, language: str) -> None:
    visitor.open("/login")
    visitor.shoot(f"{language}-login")
    visitor.sign_in()
    if language == "en":
        visitor.page.request.post(site.url + "/language", form={"language": "en", "csrf_token": token(visitor.page)})
    wide = {}
    for path in pages(site.made):
        visitor.open(path)
        visitor.shoot(f"{language}-{path.strip('/').replace('/', '_').replace('?', '-').replace('|', '') or 'dashboard'}"[:70])
        if visitor.overflow() > 0:
            wide[path] = visitor.overflow()
    assert not wide, f"wider than the screen: {wide}"
    assert not visitor.complaints, visitor.complaints


def token(page: Any) -> str:
    return str(page.locator('input[name="csrf_token"]').first.get_attribute("value"))
