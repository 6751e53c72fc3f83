"""What a device says and asks until the centre tells it otherwise, and the text of a face.

The built-in settings are version 0. Reasons are printed above keys 1 to 5, the same five words for
everybody; the code that a key stands for depends on the level, as the national catalogue has it
(DOMAIN, rating reasons: eight for each level, by level and number).
"""

from protocol.settings import Settings, Words

_CATALOGUE = 1  # the one that replaced codes x01 to x09
_CODES = (
    # 态度 attitude, 时限 time, 材料 documents, 手续 formalities, 网办 online
    (115, 110, 109, 108, 112),
    (214, 209, 210, 207, 211),
    (314, 309, 307, 310, 312),
    (413, 411, 408, 406, 407),
    (517, 510, 512, 511, 513),
)
_OURS = {  # no centre words them
    "starting": "正在启动 Starting",
    "technician": "请逐一按下五个键 Press each key once",
}
_CAUSES = {
    "journal_full": "存储已满，请联系工作人员 Full",
    "flash_refuses": "存储故障，请联系工作人员 Storage refuses",
    "journal_lost": "存储损坏，请联系工作人员 Storage lost",
    "start_failed": "启动失败，请联系技术人员 Start failed",
    "not_enrolled": "尚未登记 Not enrolled",
    "network_torn": "网络设置损坏，请重新写入 Network settings torn",
    "identity_torn": "登记信息损坏，请重新登记 Identity torn",
}


def built_in(thanks_ms, why_ms):
    """Version 0, which no centre can send; the timings are the board's."""
    return Settings(
        device="",
        epoch=0,
        version=0,
        words=Words(
            "待机 Ready",
            "办理中 In service",
            "请您为我的服务进行评价 Please rate my service",
            "谢谢您的评价 Thank you",
            "为什么？请按键，或不选 Why? Press a key, or wait",
            "暂停评价 Out of service",
        ),
        reasons=("态度", "时限", "材料", "手续", "网办"),
        codes=_CODES,
        catalogue=_CATALOGUE,
        staff="name",
        thanks_ms=thanks_ms,
        why_ms=why_ms,
        volume=20,
        broker=None,
    )


def text_of(settings, face, ticket, cause=""):
    """What a face says: its words, why it is out of service, or whose service it is."""
    if face in _OURS:
        return _OURS[face]
    text = getattr(settings.words, face)
    if cause:
        return f"{text}: {_CAUSES[cause]}"
    staff = None if ticket is None or face not in ("serving", "inviting") else ticket.staff
    if staff is None or settings.staff == "none":
        return text
    return f"{text} {staff.staff_no if settings.staff == 'number' else staff.name}"
