"""What acts are called, and how a reading is noted before its answer."""

from collections.abc import Callable

from sqlalchemy import Connection

from central.people.callers import Holder
from central.people.roles import PROVINCE, column_of, is_account
from central.store import tokens
from central.store.database import Database
from central.store.people import accounts, acts

# what -> how pages say it
DEEDS = {
    "account.add": "新增账号",
    "account.role": "更改账号角色",
    "account.password": "重设账号密码",
    "account.lock": "停用账号",
    "account.unlock": "恢复账号",
    "account.remove": "注销账号",
    "account.sessions": "结束账号的登录",
    "password.change": "修改本人密码",
    "session.begin": "登录",
    "session.end": "退出登录",
    "session.refused": "登录多次失败",
    "services.open": "查看所计服务",
    "project.open": "查看办件",
    "service.open": "查看一次服务",
    "records.read": "读取评价记录",
    "table.file": "下载统计表",
    "export": "导出",
    "copy.make": "备份数据库",
    "copy.restore": "恢复备份",
    "copy.import": "导入",
    "directory.export": "导出名录",
    "directory.change": "更改名录",
    "hall.add": "新增大厅",
    "hall.change": "更改大厅",
    "hall.remove": "撤销大厅",
    "window.add": "新增窗口",
    "window.change": "更改窗口",
    "window.rest": "窗口暂停使用",
    "device.enrol": "登记评价器",
    "device.approve": "批准评价器",
    "device.refuse": "拒绝评价器",
    "device.move": "移动评价器",
    "device.revoke": "吊销评价器",
    "epoch.close": "结束登记期",
    "settings.set": "更改评价器设置",
    "cases.list": "查看差评案件清单",
    "case.open": "查看差评案件",
    "case.begin": "立案",
    "case.sample": "抽查差评案件",
    "case.step": "办理差评案件",
    "mark.answer": "处置完整性标记",
    "token.add": "签发令牌",
    "token.revoke": "吊销令牌",
    "policy.accept": "认可更改的规则",
    "figures.recount": "重新计算",
    "clock.accept": "认可时钟",
    "rater.seal": "封存个人信息",
    "rater.open": "查看个人信息",
    "rater.erase": "删除个人信息",
}


def who_of(holder: Holder) -> str:
    """How acts name a holder."""
    return f"account:{holder.id}" if is_account(holder.scopes) else f"token:{holder.id}"


def place_of_holder(holder: Holder) -> str:
    """The place of a holder, as acts have it: empty for the whole."""
    places = [column_of(scope)[1] for scope in holder.scopes]
    place = next((one for one in places if one != PROVINCE), PROVINCE)
    return "" if place == PROVINCE else f"{place.kind}:{place.id}".removeprefix(":")


def name_of(connection: Connection, holder: Holder) -> str:
    """What people call a holder."""
    if not is_account(holder.scopes):
        return tokens.name_of(connection, holder.id)
    row = accounts.get(connection, holder.id)
    return holder.id if row is None else row.name


class Readings:
    """Notes what is opened before it is answered. now_ms: the centre's time."""

    def __init__(self, database: Database, now_ms: Callable[[], int]) -> None:
        self._database = database
        self._now_ms = now_ms
        self._noted: dict[tuple[str, str], int] = {}

    def note(self, holder: Holder, what: str, about: str = "", detail: str = "") -> None:
        """Note that a holder opens something. What this raises, is not answered."""
        assert what in DEEDS, what
        place = place_of_holder(holder)
        with self._database.write() as connection:
            told = (who_of(holder), what, about, detail, place)
            acts.add(connection, self._now_ms(), *told)

    def note_daily(self, holder: Holder, what: str, about: str) -> None:
        """The same for a program that asks again and again: once a day, and at each start."""
        key, today = (holder.id, about), self._now_ms() // 86_400_000
        if self._noted.get(key) != today:
            self.note(holder, what, about)
            self._noted[key] = today
