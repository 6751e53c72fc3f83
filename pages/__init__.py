"""What the pages of gateway and centre have in common: looks, languages, login, live parts.

A tier makes one `Site`, adds its pages to the site's router, and installs the site on its app:

    site = Site(
        tier="gateway",                  # names the cookie: two tiers on one host keep apart
        name="大厅评价网关",               # in the header; a message, so it needs English, too
        templates=Path(__file__).with_name("templates"),
        sessions=PageSessions(database), # who has logged in, see pages/session.py
        home_of=lambda holder: "/",      # where a login leads
    )

    @site.router.get("/")
    async def overview(request: Request) -> Response:
        await site.holder(request, lambda holder: holder.scope == "pages")
        return await site.page(request, "overview.html", current_view)

    @site.router.get("/live")
    async def overview_live(request: Request) -> Response:
        may = lambda holder: holder.scope == "pages"
        await site.holder(request, may)
        return await site.live(request, "overview_live.html", current_view, may)

    site.install(app)                    # last, after the tier's own exception handlers
    ...
    site.close()                         # before the server stops: ends what listens

`current_view()` gives the values of a template as a dict; it runs in a thread, so it may read a
database.

**Templates** extend `layout.html` and fill the blocks `title` (in the browser's tab), `nav` (links
in the header), `main`. Every word is a message: `{{ _("窗口") }}`, with values
`{{ _("{count} 条", count=n) }}`; also from Python: whatever string a view holds may go through
`_`. English stands in `locale/en.po`, for all tiers; a test finds a sentence that has none.
`at_ms | moment` is the time of day in China, with the date if it is not today; `at_ms | day`
its day; `span(duration_ms)` is "3 分钟".
A stylesheet cannot be inline: the content policy allows what
this server sends from /static and nothing else, no `style=`, no `onclick=`, no `<script>` with
text in it.

**Live parts**: `<div data-live="/live">{% include "overview_live.html" %}</div>`. The part is
rendered once a `every_s` for all who look at it in one language; when it has changed, the lines
that are another are sent, and htmx morphs it, so focus and scrolling stay. It ends within seconds
of the login. Where too many listen a page asks every ten seconds, and says so. When the server is
away, <body> gets the class `offline` and the layout's notice shows; it reconnects by itself.

**Actions** are forms that htmx sends (`hx-post`, `hx-target`, `hx-swap="innerMorph"`,
`hx-disable`); when one fails, the layout says so. Morphing leaves `open` and `disabled` alone.

**Login**: `/login` takes an access token, or finds it behind `#` in its address, which no log
sees: `http://…/login#TOKEN`. It begins a session, of which the browser keeps the secret in an
HttpOnly, SameSite=Strict cookie, for 30 days after the page was last open; the newest four, so
that one browser may hold a page's and a console's. `site.holder` answers a stranger with the
login page, so it does a holder who may not (the page says that another token is needed), and a
changing request that does not come from this site's own pages with 403; a token whose days are
over is told so. `/logout` ends the browser's sessions, at all of its open pages. A part that htmx
fetches is answered with a redirect to the login; a press that met it (`hx-post`) is kept in the
tab, and done at its page after the login.

**Errors** for people: raise `PageError(status, "没有这个窗口。")`. All other errors are shown as
a page to who asks for HTML, with the rule that an address broke, and by the tier's own handler to
everybody else. `pages_of` counts the pages of a list, and refuses one behind the last.

**Static files** of a tier: `static=` names a folder; templates use `{{ static("name.js") }}`.
Look at static/style.css for the parts that a page is made of.
"""

from pages.asked import PageError, pages_of
from pages.live import Seen
from pages.site import Site

__all__ = ["PageError", "Seen", "Site", "pages_of"]
