"""What goes wrong in a hall, in words for the person who must act: what it is, what to do.

By the words that devices, the intake and the gateway's own parts use. Chinese is the message.
"""

from typing import NamedTuple

from gateway.hall import intake
from gateway.hall.restraint import HELD_BACK
from protocol import batch
from protocol.batch import REJECTED


class Advice(NamedTuple):
    """What is the matter, and what to do about it."""

    what: str
    todo: str


# As firmware reports them in `state`.
PROBLEMS = {
    "stuck_key": Advice("有按键卡住", "清洁或更换该按键，其余按键照常可用。"),
    "journal_full": Advice(
        "存储已满，暂停评价", "检查大厅与省级系统的连接，送达并收到回执后自动恢复。"
    ),
    "flash_refuses": Advice(
        "存储故障，暂停评价", "请断电后重新通电；仍不恢复的，请更换评价器，已有记录会继续上报。"
    ),
    "subscribe_refused": Advice(
        "消息服务拒绝了评价器的订阅", "检查消息服务的权限文件是否由网关生成；评价器会自动重试。"
    ),
    "tls_refused": Advice(
        "此前不信任消息服务的证书",
        "请运行 pingjia gateway secure --check；开通文件中的 CA 有误的，请重新登记。",
    ),
    "tls_expired": Advice(
        "消息服务的证书已过期", "核对网关的时钟；证书由 pingjia gateway secure 更新。"
    ),
    "memory_short": Advice(
        "内存不足，曾经断开", "评价器会自动重试；经常出现的，请断电后重新通电。"
    ),
    "bad_find": Advice("收到无法识别的闪灯信息", "检查网关与评价器的版本是否相符。"),
    "bad_receipt": Advice(
        "省级回执未通过验证", "记录继续保存在评价器中，请联系省级系统核对该评价器的登记。"
    ),
    "bad_ticket": Advice("收到无法识别的叫号信息", "检查网关与评价器的版本是否相符。"),
    "bad_ack": Advice("收到无法识别的确认", "检查网关与评价器的版本是否相符。"),
    "bad_clock": Advice("收到无法识别的时间", "检查网关与评价器的版本是否相符。"),
    "bad_settings": Advice("显示设置未通过验证", "请联系省级系统重新下发设置。"),
    "settings_unsigned": Advice("显示设置的签名不符", "请联系省级系统重新下发设置。"),
    "settings_elsewhere": Advice("显示设置属于另一台评价器", "请联系省级系统重新下发设置。"),
    "settings_older": Advice("显示设置的版本过旧", "请联系省级系统重新下发设置。"),
    "settings_malformed": Advice("显示设置的内容超出规定范围", "请联系省级系统重新下发设置。"),
    "bad_update": Advice("升级包未通过验证", "请联系省级系统重新下发升级。"),
}

# The gateway's own alarms.
ALARMS = {
    "device_lost": Advice(
        "有评价器失联", "检查这些评价器的电源和网线；已有记录会在恢复后自动送来。"
    ),
    "restored": Advice(
        "已从备份恢复，正在补报",
        "备份之后的记录由评价器自动补报。请保持评价器开机联网，到齐后本条自行消失。",
    ),
    "poll": Advice("省级系统没有回答大厅资料的查询", "评价照常进行。检查外网、代理、令牌和证书。"),
    "credentials": Advice(
        "令牌或证书文件无法读取", "暂用原来的内容。请核对该文件的内容和权限，网关会自动重读。"
    ),
    "disk_low": Advice("数据盘空间不足", "请在写满之前清理数据盘。"),
    "broker": Advice("消息服务已停止", "网关正在自动重新启动它，评价保存在评价器中。"),
    "mqtt": Advice("与消息服务的连接中断", "检查消息服务是否运行；网关会自动重连。"),
    "mqtt_foreign": Advice(
        "端口上的消息服务不是本大厅的，未使用",
        "停用另一个消息服务（如系统自带的 mosquitto），或换一个 mqtt_port。",
    ),
    "broker_files": Advice("消息服务的用户文件无法写入", "检查该文件夹的权限和磁盘空间。"),
    "passwords": Advice("部分评价器的口令无法读取", "请重新登记这些评价器。"),
    "database": Advice("数据库无法读写", "检查是否有其他程序占用数据库；评价继续保存在评价器中。"),
    "disk": Advice(
        "数据盘无法写入", "写满、只读或损坏，见技术细节。网关会自动恢复；评价继续保存在评价器中。"
    ),
    "damage": Advice(
        "数据库曾经损坏，已另行保存", "请检查磁盘。移走损坏的文件后告警解除；评价器会补送记录。"
    ),
    "centre": Advice(
        "暂时无法送达省级系统", "评价保存在本大厅，恢复后自动补送。检查外网、代理和令牌。"
    ),
    "guilty": Advice(
        "省级系统处理不了个别内容", "其余评价照常送达；该内容继续保存并重送。请告知省级系统。"
    ),
    "false_macs": Advice(
        "有人冒用评价器发送假记录", "假记录不会计入。请重新登记该评价器，以更换口令。"
    ),
    "mqtt_taken": Advice(
        "有人以本厅网关的身份登录", "请确认只有一台网关在运行，停用复制出来的那一台。"
    ),
    "certificate": Advice(
        "证书即将到期，未能自动更新", "运行 pingjia gateway secure；检查该文件夹能否写入。"
    ),
    "hall": Advice("大厅编号与配置不符", "核对 gateway.toml 中的 hall 和 centre_token_file。"),
    "no_hall": Advice("尚未取得大厅资料", "取得之前评价器无法登录。检查与省级系统的连接。"),
    "hall_document": Advice(
        "新的大厅资料无法采用", "大厅继续按此前的资料工作。请联系省级系统管理员。"
    ),
    "carried": Advice(
        "带回的答复文件无法采用", "请从该文件夹中删除它，再带入最新的一份；文件名见技术细节。"
    ),
}

MARKS = {
    batch.MALFORMED: "记录内容异常",
    batch.UNKNOWN_VERSION: "记录版本未知",
    batch.UNKNOWN_KIND: "记录类型未知",
    batch.BROKEN_CHAIN: "记录链断开",
    batch.FACTS_DIFFER: "服务信息不符",
}

REFUSALS = {
    intake.TOO_LARGE: "内容过长",
    intake.NOT_UTF8: "不是文本",
    intake.NOT_AN_ENVELOPE: "不是签名记录",
    intake.NOT_A_RECORD: "记录无法识别",
    intake.OTHER_DEVICE: "属于另一台评价器",
    intake.UNKNOWN_DEVICE: "评价器未登记",
    intake.BAD_STATE: "状态无法识别",
    intake.BAD_TOPIC: "发往无权使用的主题",
    intake.INTAKE_FAILED: "网关无法判断",
    HELD_BACK: "冒用期间暂不接收",
    REJECTED: "签名无效，省级系统拒收",
}

# Somebody else may stand behind these; they stand first.
GRAVE = {
    *(intake.OTHER_DEVICE, intake.UNKNOWN_DEVICE, intake.BAD_TOPIC),
    *(HELD_BACK, REJECTED),
}

FACES = {
    "standby": "待机",
    "serving": "办理中",
    "inviting": "邀请评价",
    "thanking": "已致谢",
    "asking": "询问原因",
    "out_of_service": "暂停评价",
    "technician": "技术员检测",
}

CLOCKS = {"good": "已校准", "stale": "待校准", "none": "未校准"}

PHASES = {"serving": "办理中", "inviting": "邀请评价", "closed": "空闲"}

# Why a device started, as its boot record says.
CAUSES = {
    "power": "通电",
    "watchdog": "程序停滞，自动重启",
    "reset": "复位",
    "flash": "存储故障，自行重启",
    "memory": "内存不足，自行重启",
    "failure": "程序出错，自行重启",
}
