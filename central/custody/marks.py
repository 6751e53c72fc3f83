"""Alarms, marks and reasons for refusal: their codes, and words that a supervisor understands.

A mark stands with a record for ever and never keeps it out. A refused item becomes no record. An
alarm stands for as long as something is missing or silent (central/clockwork.py).
"""

from typing import NamedTuple

from protocol.batch import (
    BROKEN_CHAIN,
    CONFLICT,
    FACTS_DIFFER,
    MALFORMED,
    UNKNOWN_KIND,
    UNKNOWN_VERSION,
)

# Marks of the centre's own, beside those of protocol.batch.
CLOCK_WRONG = "clock_wrong"  # the time that the device was told cannot have been
TIME_UNPROVEN = "time_unproven"  # it came while the centre's own clock was in doubt
UNDATED = "undated"  # nobody had told its device the time; counted on the day of its arrival
SIGNED_AFTER_REVOCATION = "signed_after_revocation"  # kept, and not counted
ARRIVED_AFTER_REVOCATION = "arrived_after_revocation"
DAMAGE_NAMED = "damage_named"  # a device tells that it can no longer read what it had written
# Found out about a place in a chain; the first may be a record's mark, too.
CLONED_DEVICE = "cloned_device"
FORGED_RECEIPT = "forged_receipt"  # beside a head: the centre never signed it for the device
OLDER_HEAD = "older_head"  # a device, or its hall, went back behind what it had said before
REPLAYED = "replayed"  # offered again long after the hall was told that it is not wanted any more
TWO_GATEWAYS = "two_gateways"  # two service documents have one number of one book
PROGRESS_DIFFERS = "progress_differs"  # a hall says otherwise what became of a service
RATING_MOVED = "rating_moved"  # what was told later took a bad rating out of its place
ONLY_RESCUED = "only_rescued"  # a technician brought it, and no gateway had sent it
# What stands beside a record that a technician read out of a device's journal; no hall may say it.
RESCUED = "rescued"

# Why an item is rejected.
UNKNOWN_DEVICE = "unknown_device"
BAD_MAC = "bad_mac"
WRONG_DEVICE = "wrong_device"
WRONG_KIND = "wrong_kind"
MALFORMED_ENVELOPE = "malformed_envelope"
MALFORMED_ITEM = "malformed_item"
MALFORMED_DOCUMENT = "malformed_document"
MALFORMED_HEAD = "malformed_head"
OTHER_HALL = "other_hall"

# Alarms.
CENTRE_CLOCK = "centre_clock"
GAP = "gap"
LOST_BY_CENTRE = "lost_by_centre"
SILENT_DEVICE = "silent_device"
SILENT_HALL = "silent_hall"
FACTS_MISSING = "facts_missing"
DOCUMENTS_MISSING = "documents_missing"
SELDOM_RATED = "seldom_rated"
PENDING_ENROLMENT = "pending_enrolment"
TWO_DEVICES = "two_devices"
OPEN_EPOCH = "open_epoch"
JUDGE_LATE = "judge_late"
RESTORED = "restored"
ALARMS = frozenset(
    {
        *(CENTRE_CLOCK, GAP, LOST_BY_CENTRE, SILENT_DEVICE, SILENT_HALL, FACTS_MISSING),
        *(DOCUMENTS_MISSING, SELDOM_RATED, PENDING_ENROLMENT, TWO_DEVICES, OPEN_EPOCH, JUDGE_LATE),
        RESTORED,
    }
)


# How grave it is, from the gravest: somebody acts against the system; something is broken or
# missing; worth knowing.
SECURITY, FAULT, NOTICE = SEVERITIES = ("security", "fault", "notice")


class Mark(NamedTuple):
    """What is found, what that means, and what to do: messages, in Chinese.

    severity: one of SEVERITIES. is_counted: whether a rating with this mark counts all the same.
    """

    title: str
    meaning: str
    advice: str
    severity: str = FAULT
    is_counted: bool = True


MARKS = {
    WRONG_DEVICE: Mark(
        "冒用其他评价器，已拒收",
        "内容写着一台评价器，签名却出自另一台评价器的密钥：有人持有那台评价器的密钥。",
        "请按安全事件处理：拒收记录中写明了密钥属于哪台评价器，请立即吊销。",
        SECURITY,
    ),
    CENTRE_CLOCK: Mark(
        "本系统的时钟有疑问",
        "服务器时钟与本系统的时间相差超过一分钟。在查明以前，签名和统计仍按本系统的时间。",
        "请检查服务器时钟和校时服务。服务器时钟正确的，不超过一天的差别十分钟后自动采用；"
        "超过一天的，请运行 pingjia central clock accept。",
    ),
    JUDGE_LATE: Mark(
        "判定滞后",
        "有服务等待判定已超过十分钟：统计规则出错，或处理不及。评价和回执不受影响，指标暂缺最近的变化。",
        "补算或升级之后会自行赶上。一直不变时，请运行 pingjia central doctor，"
        "并把日志交给维护人员。",
    ),
    RESTORED: Mark(
        "已从备份恢复，正在补报",
        "本系统从备份恢复过，这些评价器在备份之后的记录，由大厅网关和评价器自动补报，尚未全部到齐。",
        "请等待：评价器联网后一小时内开始补报，到齐后本条自行消失。请勿清理大厅网关。",
        NOTICE,
    ),
    GAP: Mark(
        "缺少记录",
        "评价器已写下这些序号的记录，或后面的记录已经到达，而它们在规定时间内没有送到，也没有说明。",
        "请大厅检查网关是否积压、评价器是否在线；仍不补齐时，请保留现场，取出评价器核对。",
    ),
    LOST_BY_CENTRE: Mark(
        "归集系统丢失记录",
        "评价器出示了本系统签发的回执，而回执所指的记录不在本系统中，可能是系统从备份恢复过。",
        "请勿清理大厅网关：它会补送最近 30 天的记录。仍缺时，请检查数据库。",
    ),
    SILENT_DEVICE: Mark(
        "评价器无声",
        "同厅其他评价器一直有消息，这台在规定时间内没有任何新签名：可能关机、断网，或被隐瞒。",
        "请大厅查看该评价器。窗口停用的，请登记停用到哪天；不再使用的，请吊销。",
    ),
    SILENT_HALL: Mark(
        "大厅无声",
        "整个大厅在规定时间内没有任何新消息。",
        "请联系大厅检查网关和网络。",
    ),
    FACTS_MISSING: Mark(
        "服务信息缺失",
        "大厅没有送来评价所签的服务信息，或送来另一份。评价照常计入，事项未知。",
        "请大厅检查网关；反复出现时，可能有人替换服务信息，按安全事件处理。",
    ),
    DOCUMENTS_MISSING: Mark(
        "服务信息缺号",
        "大厅的服务信息按号登记，后面的号已经到达，中间的号在规定时间内没有送来：可能丢失，或被隐瞒。",
        "请大厅检查网关是否积压。都没有，也没有损坏过数据库的，按安全事件处理。",
        SECURITY,
    ),
    TWO_GATEWAYS: Mark(
        "两个网关同号",
        "同一本登记簿的同一号下有两份不同的服务信息：网关被复制，或数据库被换回旧的。",
        "请大厅确认只有一台网关在运行；恢复过数据库的，请换用新的数据目录。",
        SECURITY,
    ),
    PENDING_ENROLMENT: Mark(
        "登记待批准超过三天",
        "技术员登记的评价器三天没有批准。它的评价照常保存并签回执，批准以前不计入。",
        "请核对该评价器是否由技术员安装：是的，请在“待批准的评价器”页批准；来历不明的，请拒绝登记。",
    ),
    TWO_DEVICES: Mark(
        "一个窗口有两台评价器",
        "同一窗口登记的两台评价器都在使用，并且已超过一天。它们的评价照常计入。",
        "请大厅确认：更换下来的，请吊销；没有安装过的，请按安全事件处理。窗口确有两台时无需处理。",
        NOTICE,
    ),
    OPEN_EPOCH: Mark(
        "旧登记尚未结清",
        "评价器重新登记、更换或吊销后，没有证据表明它此前的评价已全部送达：最后一段可能丢失，或被扣下。",
        "请技术员把旧评价器接上工作台并运行 rescue，取出记录，自动结清。"
        "旧机已坏或丢失的，请查明原因，由管理员结清：pingjia central epoch close。",
        SECURITY,
    ),
    ONLY_RESCUED: Mark(
        "只由技术员送达",
        "技术员从评价器中取出并送来，此前没有任何网关送过。签名有效，照常计入。",
        "评价器损坏或大厅断网时属正常；数量与停用时间不相称的，请查明由谁取出。",
        NOTICE,
    ),
    PROGRESS_DIFFERS: Mark(
        "服务经过前后不一",
        "大厅先后两次报告同一服务的同一经过，时间、人员或办件不同；以先到的为准。",
        "请大厅检查叫号系统或网关的时钟；反复出现时，请核对该大厅的办件记录。",
        NOTICE,
    ),
    RATING_MOVED: Mark(
        "差评因后报的时间移位",
        "评价作出以后才报告的办结或结束时间，使一条差评逾期、不计入，或移到另一个月。系统照报告的时间判定。",
        "请核对该服务实际何时办结、由谁报告；两个时间见该服务的查询接口。月底前后办结的，多属正常。",
        NOTICE,
    ),
    SELDOM_RATED: Mark(
        "很少评价",
        "近 30 天的评价率不到全省一半，可能没有每次邀请。次数为未评价的服务数。",
        "请核对该窗口是否每次办完都邀请评价，必要时现场查看。",
        NOTICE,
    ),
    CLONED_DEVICE: Mark(
        "疑似两台评价器共用身份",
        "有效签名互相矛盾：同一序号说法不一。身份可能被复制，或存储损坏。",
        "请立即吊销并重新登记该评价器；在查明以前，请勿清空任何一台。",
        SECURITY,
    ),
    DAMAGE_NAMED: Mark(
        "评价器报告存储损坏",
        "评价器重新启动后，有已写下的记录读不出来，并如实签名报告。此前已送达的记录不受影响。",
        "请更换该评价器，并保留旧机。",
    ),
    REPLAYED: Mark(
        "旧记录重复送来",
        "一天前已收妥、已签回执的记录又被送来。重复记录不会计入两次。",
        "偶尔出现无需处理；成批出现时，请检查大厅网关是否被人改动。",
        NOTICE,
    ),
    FORGED_RECEIPT: Mark(
        "伪造的回执",
        "随评价器状态送来的回执不是本系统签发给它的。评价器不会据此删除记录，本系统也不采信。",
        "请按安全事件处理，检查大厅网关；只出现在一台评价器上的，也请检查该评价器。",
        SECURITY,
    ),
    OLDER_HEAD: Mark(
        "评价器状态倒退",
        "收到的评价器状态比以前的旧：大厅在重放旧状态，或评价器被恢复到从前。",
        "请检查大厅网关；若评价器维修过，请重新登记。",
        SECURITY,
    ),
    CLOCK_WRONG: Mark(
        "时间有误，已校正",
        "评价器从大厅得到的时间不可能是真的。评价按本系统的时钟校正，次序不受影响。",
        "请大厅校准网关的时钟。",
        NOTICE,
    ),
    TIME_UNPROVEN: Mark(
        "时间未核实",
        "评价送达时本系统的时钟有疑问，所以采用评价器自己的时间，并注明误差。照常计入。",
        "评价和大厅无误，无需处理；请查明服务器时钟当时为何不准。",
        NOTICE,
    ),
    UNDATED: Mark(
        "送达时没有时间",
        "大厅没有告诉评价器时间。评价计入送达当日；时间查明后，改计入评价当日。",
        "偶尔出现无需处理；反复出现时，请大厅检查网关为何不对时。",
        NOTICE,
    ),
    SIGNED_AFTER_REVOCATION: Mark(
        "吊销后签名",
        "评价器吊销以后签的记录。原样保存，不计入评价。",
        "请查明这台评价器在谁手中。",
        SECURITY,
        is_counted=False,
    ),
    ARRIVED_AFTER_REVOCATION: Mark(
        "吊销后送达",
        "评价器吊销以后才送达，自称此前所签，无法证实。照常计入。",
        "若评价器是更换下来的，无需处理；若是丢失的，请逐条核对。",
        NOTICE,
    ),
    BROKEN_CHAIN: Mark(
        "记录链断开",
        "评价器的前后两条记录接不上，可能有记录被抽走或替换。",
        "请保留现场，核对该评价器；若两台评价器用了同一身份，请重新登记其中一台。",
        SECURITY,
    ),
    CONFLICT: Mark(
        "同一序号有两条记录",
        "两条签名有效的记录用了同一序号，可能是评价器身份被复制。两条均已保存，先到者计入。",
        "请立即停用并重新登记该评价器，并查明第二台设备。",
        SECURITY,
        is_counted=False,
    ),
    FACTS_DIFFER: Mark(
        "服务信息不符",
        "评价中的排队号、工号或窗口，与大厅登记的这次服务不一致。评价照常计入。",
        "请大厅核对叫号系统，以及评价器登记在哪个窗口。",
    ),
    MALFORMED: Mark(
        "记录内容异常",
        "签名有效，但内容不符合规范。原样保存，不计入评价。",
        "请检查该评价器的固件版本，并联系供应方。",
        is_counted=False,
    ),
    UNKNOWN_VERSION: Mark(
        "记录版本未知",
        "记录来自本系统尚不认识的版本。原样保存，暂不计入评价。",
        "请升级归集系统。",
        is_counted=False,
    ),
    UNKNOWN_KIND: Mark(
        "记录类型未知",
        "记录的类型是本系统尚不认识的。原样保存，不计入评价。",
        "请升级归集系统。",
        is_counted=False,
    ),
    BAD_MAC: Mark(
        "签名无效，已拒收",
        "内容与签名不符：数据在途中被改动，或并非该评价器所发。",
        "请检查大厅网关和该评价器；反复出现时，按安全事件处理。",
        SECURITY,
    ),
    UNKNOWN_DEVICE: Mark(
        "未登记的评价器，已拒收",
        "发来数据的评价器没有在该大厅登记过。",
        "请大厅核对设备；确属本厅的，请先登记。",
    ),
    WRONG_KIND: Mark(
        "用途不符的签名，已拒收",
        "为其他用途签发的数据被当作评价记录送来。",
        "请检查大厅网关的版本；反复出现时，按安全事件处理。",
        SECURITY,
    ),
    OTHER_HALL: Mark(
        "冒用其他大厅，已拒收",
        "该大厅送来了写着另一大厅名称的服务信息。",
        "请检查大厅网关的配置；反复出现时，按安全事件处理。",
        SECURITY,
    ),
    MALFORMED_ENVELOPE: Mark(
        "数据无法读取，已拒收",
        "大厅送来的内容不是一条完整的记录。",
        "请检查大厅网关的版本和存储。",
    ),
    MALFORMED_ITEM: Mark(
        "数据格式不符，已拒收",
        "大厅送来的内容不符合接口规范。",
        "请检查大厅网关的版本。",
    ),
    MALFORMED_DOCUMENT: Mark(
        "服务信息不规范，已拒收",
        "大厅登记的服务信息不符合接口规范。相关评价照常计入，事项未知。",
        "请检查大厅网关和叫号系统。",
    ),
    MALFORMED_HEAD: Mark(
        "设备状态无法读取，已拒收",
        "评价器报告的最新序号不符合规范。",
        "请检查该评价器的固件版本。",
    ),
}


NOT_COUNTED = frozenset(code for code, mark in MARKS.items() if not mark.is_counted)


def mark_of(code: str) -> Mark:
    """The row of a mark; of one that has none, with its code as the title."""
    return MARKS.get(code) or Mark(code, "", "")
