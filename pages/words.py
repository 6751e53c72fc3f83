"""Two languages: Chinese text is the message, English comes from a dictionary."""

from collections.abc import Mapping

from jinja2 import Environment
from jinja2.ext import extract_from_ast

CHINESE = "zh"
ENGLISH = "en"
LANGUAGES = (CHINESE, ENGLISH)

# The messages of this package's own templates and sentences.
OWN = {
    "评价 Pingjia": "Pingjia 评价",
    "登录": "Log in",
    "退出登录": "Log out",
    "访问令牌": "Access token",
    "请输入访问令牌。": "Enter an access token.",
    "令牌由系统管理员签发。它只保存在本浏览器中。": (
        "Tokens are issued by the system's administrator. This browser alone keeps it."
    ),
    "此令牌无效，请核对后重新输入。": "This token is not valid. Check it and enter it again.",
    "此页面需要另一个访问令牌。": "This page needs another access token.",
    "连接已断开，画面不是最新的。正在重新连接……": (
        "The connection is lost and this page is not current. Reconnecting…"
    ),
    "操作没有完成，请再试一次。": "That did not work. Try again.",
    "出错了": "Something is wrong",
    "没有这个页面。": "There is no such page.",
    "请求未被接受。": "The request was not accepted.",
    "请求必须来自本系统的页面。": "The request must come from this system's own pages.",
    "服务暂时出错，请稍后再试。": "The service has a problem. Try again in a moment.",
    "同时查看的人太多，请稍后再试。": "Too many people are watching. Try again in a moment.",
    "返回首页": "Back to the first page",
    "语言": "Language",
    "{count} 秒": "{count} s",
    "{count} 分钟": "{count} min",
    "{count} 小时": "{count} h",
    "{count} 天": "{count} days",
}


def choose(cookie: str | None, accepted: str) -> str:
    """The language of a visitor: the cookie's, else English if the browser prefers it to Chinese.

    accepted: the header Accept-Language.
    """
    if cookie in LANGUAGES:
        return cookie
    best, language = 0.0, CHINESE
    for part in accepted[:200].split(","):
        tag, _, weight = part.strip().partition(";q=")
        name = tag.lower().split("-")[0]
        if name in LANGUAGES and (value := _weight(weight)) > best:
            best, language = value, name
    return language


def say(english: Mapping[str, str], language: str, message: str, **values: object) -> str:
    """A message in a language, with its values filled in."""
    text = english.get(message, message) if language == ENGLISH else message
    return text.format(**values) if values else text


def messages(templates: Environment) -> set[str]:
    """Every text that a template of this environment gives to `_`."""
    found: set[str] = set()
    assert templates.loader is not None
    for name in templates.list_templates():
        source, _, _ = templates.loader.get_source(templates, name)
        for _, _, text in extract_from_ast(templates.parse(source), ("_",)):
            found.update(part for part in (text if isinstance(text, tuple) else (text,)) if part)
    return found


def _weight(text: str) -> float:
    try:
        return float(text) if text else 1.0
    except ValueError:
        return 0.0
