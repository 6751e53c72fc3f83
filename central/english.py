"""The pages' English: Chinese text is the message."""

ENGLISH = {
    "好差评归集系统": "Ratings centre",
    "全省": "Province",
    "大厅": "Halls",
    "窗口": "Windows",
    "评价": "Ratings",
    "位置": "Where you are",
    "时间": "Time",
    "页": "Page",
    "今天": "Today",
    "近 7 天": "7 days",
    "近 30 天": "30 days",
    "全部": "All",
    "好评率": "Good rate",
    "各等级": "Levels",
    "各大厅": "Halls",
    "各窗口": "Windows",
    "最新评价": "Newest ratings",
    "标记": "Marks",
    "完整性标记": "Integrity marks",
    "自启用以来": "since the start",
    "共 {count} 份": "of {count}",
    "还没有评价": "no ratings yet",
    "不足 {enough} 份，只列份数": "fewer than {enough}: counts only",
    "评价不足 {enough} 份时不计算好评率，写作“好评份数/评价份数”。": (
        "With fewer than {enough} ratings there is no rate: good ratings / all ratings instead."
    ),
    "好评率 =（{levels}）÷ 全部评价。": "Good rate = ({levels}) ÷ all ratings.",
    "依据：{source}{article}。": "Rule: {source}{article}.",
    "还没有评价。评价一到达，就会出现在这里。": (
        "No ratings yet. Each will appear here as it arrives."
    ),
    "还没有登记窗口。": "No window has been added yet.",
    "还没有登记大厅。": "No hall has been added yet.",
    "没有这个大厅或窗口。": "There is no such hall or window.",
    "事项未知": "Matter unknown",
    "单件业务": "Single matter",
    "批量业务": "Batch of matters",
    "主题业务": "Theme",
    "代办业务": "By an agent",
    "非常满意": "Very satisfied",
    "满意": "Satisfied",
    "基本满意": "Fairly satisfied",
    "不满意": "Dissatisfied",
    "非常不满意": "Very dissatisfied",
    "每条评价都由评价器签名，并与前一条相连。系统发现不符之处，就在此列出；评价本身从不删改。": (
        "Every rating is signed by its device and linked to the one before. What does not fit is "
        "listed here; ratings themselves are never deleted or changed."
    ),
    "没有任何标记：所有评价签名有效，前后相连。": (
        "No marks: all ratings are signed and linked as they should be."
    ),
    "{count} 次": "{count} times",
    "怎么办：": "What to do: ",
    "地点": "Where",
    "次数": "Count",
    "自": "Since",
    "最近一次": "Newest",
    "最近的记录": "Newest record",
    "评价器 {device}，序号 {seq}": "device {device}, seq {seq}",
    "另有 {count} 处。": "And {count} more places.",
    "记录链断开": "Broken chain",
    "评价器的前后两条记录接不上，可能有记录被抽走或替换。": (
        "Two records of a device that follow each other do not link: one may have been taken away "
        "or replaced."
    ),
    "请保留现场，核对该评价器；若两台评价器用了同一身份，请重新登记其中一台。": (
        "Keep everything as it is and examine the device. If two devices share an identity, enrol "
        "one of them anew."
    ),
    "同一序号有两条记录": "Two records with one number",
    "两条签名有效的记录用了同一序号，可能是评价器身份被复制。两条均已保存，先到者计入。": (
        "Two well-signed records have the same number: the device's identity may have been "
        "copied. Both are kept, the first to arrive counts."
    ),
    "请立即停用并重新登记该评价器，并查明第二台设备。": (
        "Stop using the device now, enrol it anew, and find the second one."
    ),
    "服务信息不符": "Service does not fit",
    "评价中的票号、工号或窗口，与大厅登记的这次服务不一致。评价照常计入。": (
        "Ticket, staff number or window in the rating differ from what the hall says about the "
        "service. The rating counts."
    ),
    "请大厅核对叫号系统，以及评价器登记在哪个窗口。": (
        "Let the hall check its queue system, and at which window the device is enrolled."
    ),
    "同一次服务重复评价": "Service rated twice",
    "同一次服务收到不止一个评价。按一次一评，只计其中一个。": (
        "A service got more than one rating. One rating for each service: only one counts."
    ),
    "偶尔出现无需处理；频繁出现时，请大厅检查是否重复邀请评价。": (
        "Now and then it is harmless. If it is frequent, let the hall check whether it invites "
        "twice."
    ),
    "记录内容异常": "Malformed record",
    "签名有效，但内容不符合规范。原样保存，不计入评价。": (
        "The signature is good, the content is not as specified. It is kept and does not count."
    ),
    "请检查该评价器的固件版本，并联系供应方。": (
        "Check the device's firmware version and ask its supplier."
    ),
    "记录版本未知": "Unknown version",
    "记录来自本系统尚不认识的版本。原样保存，暂不计入评价。": (
        "The record is of a version that this system does not know yet. It is kept and does not "
        "count for now."
    ),
    "请升级归集系统。": "Update the ratings centre.",
    "记录类型未知": "Unknown kind",
    "记录的类型是本系统尚不认识的。原样保存，不计入评价。": (
        "The record is of a kind that this system does not know. It is kept and does not count."
    ),
    "签名无效，已拒收": "Refused: bad signature",
    "内容与签名不符：数据在途中被改动，或并非该评价器所发。": (
        "Content and signature do not match: it was changed on the way, or the device did not "
        "send it."
    ),
    "请检查大厅网关和该评价器；反复出现时，按安全事件处理。": (
        "Check the hall's gateway and the device. If it happens again, treat it as a security "
        "incident."
    ),
    "未登记的评价器，已拒收": "Refused: unknown device",
    "发来数据的评价器没有在该大厅登记过。": "The device was never enrolled in this hall.",
    "请大厅核对设备；确属本厅的，请先登记。": (
        "Let the hall check its devices, and enrol this one if it is theirs."
    ),
    "用途不符的签名，已拒收": "Refused: signed for another purpose",
    "为其他用途签发的数据被当作评价记录送来。": (
        "Something signed for another purpose was sent as a record."
    ),
    "请检查大厅网关的版本；反复出现时，按安全事件处理。": (
        "Check the version of the hall's gateway. If it happens again, treat it as a security "
        "incident."
    ),
    "冒用其他大厅，已拒收": "Refused: another hall's name",
    "该大厅送来了写着另一大厅名称的服务信息。": (
        "The hall sent the description of a service that names another hall."
    ),
    "请检查大厅网关的配置；反复出现时，按安全事件处理。": (
        "Check the settings of the hall's gateway. If it happens again, treat it as a security "
        "incident."
    ),
    "服务信息被替换，已拒收": "Refused: service replaced",
    "大厅先后送来两份内容不同、指纹相同的服务信息，正常情况下不会发生。": (
        "The hall sent two different descriptions with one fingerprint, which does not happen by "
        "chance."
    ),
    "请按安全事件处理，检查大厅网关。": (
        "Treat it as a security incident and examine the hall's gateway."
    ),
    "数据无法读取，已拒收": "Refused: unreadable",
    "大厅送来的内容不是一条完整的记录。": "What the hall sent is no complete record.",
    "请检查大厅网关的版本和存储。": "Check the gateway's version and its disk.",
    "数据格式不符，已拒收": "Refused: wrong form",
    "大厅送来的内容不符合接口规范。": "What the hall sent is not as the interface says.",
    "请检查大厅网关的版本。": "Check the gateway's version.",
    "服务信息不规范，已拒收": "Refused: malformed service",
    "大厅登记的服务信息不符合接口规范。相关评价照常计入，事项未知。": (
        "The hall's description of a service is not as the interface says. Its ratings count, the "
        "matter is unknown."
    ),
    "请检查大厅网关和叫号系统。": "Check the hall's gateway and its queue system.",
    "设备状态无法读取，已拒收": "Refused: unreadable head",
    "评价器报告的最新序号不符合规范。": (
        "What the device says of its newest record is not as specified."
    ),
    "请检查该评价器的固件版本。": "Check the device's firmware version.",
}
