"""Marks and reasons for refusal in words that a supervisor understands, and what to do."""

from typing import NamedTuple

from central import verify
from protocol import batch


class Words(NamedTuple):
    """What is found, what that means, and what to do: messages, in Chinese."""

    title: str
    meaning: str
    advice: str


MARKS = {
    batch.BROKEN_CHAIN: Words(
        "记录链断开",
        "评价器的前后两条记录接不上，可能有记录被抽走或替换。",
        "请保留现场，核对该评价器；若两台评价器用了同一身份，请重新登记其中一台。",
    ),
    batch.CONFLICT: Words(
        "同一序号有两条记录",
        "两条签名有效的记录用了同一序号，可能是评价器身份被复制。两条均已保存，先到者计入。",
        "请立即停用并重新登记该评价器，并查明第二台设备。",
    ),
    batch.FACTS_DIFFER: Words(
        "服务信息不符",
        "评价中的票号、工号或窗口，与大厅登记的这次服务不一致。评价照常计入。",
        "请大厅核对叫号系统，以及评价器登记在哪个窗口。",
    ),
    batch.RATED_TWICE: Words(
        "同一次服务重复评价",
        "同一次服务收到不止一个评价。按一次一评，只计其中一个。",
        "偶尔出现无需处理；频繁出现时，请大厅检查是否重复邀请评价。",
    ),
    batch.MALFORMED: Words(
        "记录内容异常",
        "签名有效，但内容不符合规范。原样保存，不计入评价。",
        "请检查该评价器的固件版本，并联系供应方。",
    ),
    batch.UNKNOWN_VERSION: Words(
        "记录版本未知",
        "记录来自本系统尚不认识的版本。原样保存，暂不计入评价。",
        "请升级归集系统。",
    ),
    batch.UNKNOWN_KIND: Words(
        "记录类型未知",
        "记录的类型是本系统尚不认识的。原样保存，不计入评价。",
        "请升级归集系统。",
    ),
    verify.BAD_MAC: Words(
        "签名无效，已拒收",
        "内容与签名不符：数据在途中被改动，或并非该评价器所发。",
        "请检查大厅网关和该评价器；反复出现时，按安全事件处理。",
    ),
    verify.UNKNOWN_DEVICE: Words(
        "未登记的评价器，已拒收",
        "发来数据的评价器没有在该大厅登记过。",
        "请大厅核对设备；确属本厅的，请先登记。",
    ),
    verify.WRONG_KIND: Words(
        "用途不符的签名，已拒收",
        "为其他用途签发的数据被当作评价记录送来。",
        "请检查大厅网关的版本；反复出现时，按安全事件处理。",
    ),
    verify.OTHER_HALL: Words(
        "冒用其他大厅，已拒收",
        "该大厅送来了写着另一大厅名称的服务信息。",
        "请检查大厅网关的配置；反复出现时，按安全事件处理。",
    ),
    verify.HASH_TAKEN: Words(
        "服务信息被替换，已拒收",
        "大厅先后送来两份内容不同、指纹相同的服务信息，正常情况下不会发生。",
        "请按安全事件处理，检查大厅网关。",
    ),
    verify.MALFORMED_ENVELOPE: Words(
        "数据无法读取，已拒收",
        "大厅送来的内容不是一条完整的记录。",
        "请检查大厅网关的版本和存储。",
    ),
    verify.MALFORMED_ITEM: Words(
        "数据格式不符，已拒收",
        "大厅送来的内容不符合接口规范。",
        "请检查大厅网关的版本。",
    ),
    verify.MALFORMED_DOCUMENT: Words(
        "服务信息不规范，已拒收",
        "大厅登记的服务信息不符合接口规范。相关评价照常计入，事项未知。",
        "请检查大厅网关和叫号系统。",
    ),
    verify.MALFORMED_HEAD: Words(
        "设备状态无法读取，已拒收",
        "评价器报告的最新序号不符合规范。",
        "请检查该评价器的固件版本。",
    ),
}


def words_of(mark: str) -> Words:
    """The words for a mark; for one that has none, the mark itself."""
    return MARKS.get(mark) or Words(mark, "", "")
