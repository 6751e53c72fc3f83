"""What an address asks for: the rule that it breaks, in words; pages of a list."""

from typing import Any

from fastapi.exceptions import RequestValidationError

from pages.session import PageError

_RULES = {
    "int_parsing": "地址中的“{name}”应为整数。",
    "greater_than_equal": "地址中的“{name}”最小为 {most}。",
    "less_than_equal": "地址中的“{name}”最大为 {most}。",
    "string_too_long": "地址中的“{name}”最多 {most} 个字。",
    "literal_error": "地址中的“{name}”只能是 {most}。",
    "missing": "地址中缺少“{name}”。",
}
_SENTENCES = {
    404: "没有这个页面。",
    413: "提交的内容太长。",
    500: "系统出错了，原因已记入日志。请稍后再试；仍不行的，请联系系统管理员。",
    503: "数据库暂时无法读写，请稍后再试。",
}
_LIMITS = ("ge", "le", "max_length", "expected")  # as pydantic calls them


def sentence_of(status: int, error: Exception) -> tuple[str, dict[str, Any]]:
    """What a page says of an error that a program is told otherwise: a message, and its values."""
    if isinstance(error, RequestValidationError):
        return rule_of(error)
    return _SENTENCES.get(status, "请求未被接受。"), {}


def rule_of(error: RequestValidationError) -> tuple[str, dict[str, Any]]:
    """The first rule that an address breaks: a message, and its values."""
    first = next(iter(error.errors()))
    name = str(first["loc"][-1])[:32] if first["loc"] else ""
    limits = first.get("ctx", {})
    most = next((limits[one] for one in _LIMITS if one in limits), "")
    if first["type"] == "literal_error":
        most = str(most).replace("'", "").replace(" or ", ", ")
    sentence = _RULES.get(first["type"], "地址中的“{name}”无法识别。")
    values = {"name": name, "most": most}
    return sentence, {one: value for one, value in values.items() if f"{{{one}}}" in sentence}


def pages_of(found: int, rows: int, page: int) -> int:
    """How many pages of so many rows a list has, at least one. Raises PageError for a page behind
    the last: an empty one would say that there is nothing.
    """
    pages = max(1, -(-found // rows))
    if page > pages:
        raise PageError(404, "没有第 {page} 页：共 {pages} 页。", page=page, pages=pages)
    return pages
