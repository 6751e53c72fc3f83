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
    "冒用其他评价器，已拒收": "Refused: signed by another device",
    "内容写着一台评价器，签名却出自另一台评价器的密钥：有人持有那台评价器的密钥。": (
        "What names one device was signed with the key of another one: somebody has that "
        "device's key."
    ),
    "请按安全事件处理：拒收记录中写明了密钥属于哪台评价器，请立即吊销。": (
        "Treat it as a security incident: the refusal names the device whose key it is; "
        "revoke that device now."
    ),
    "缺少记录": "Records missing",
    "评价器已写下这些序号的记录，或后面的记录已经到达，而它们在规定时间内没有送到，也没有说明。": (
        "The device wrote records with these numbers, or later ones are here, but they have "
        "neither arrived nor been explained in the time set."
    ),
    "请大厅检查网关是否积压、评价器是否在线；仍不补齐时，请保留现场，取出评价器核对。": (
        "Let the hall check its gateway's backlog and whether the device is online. If they "
        "stay missing, keep everything as it is and read out the device."
    ),
    "归集系统丢失记录": "Lost by the centre",
    "评价器出示了本系统签发的回执，而回执所指的记录不在本系统中，可能是系统从备份恢复过。": (
        "The device shows a receipt of this centre for records that the centre does not hold, "
        "as after a restore from a backup."
    ),
    "请勿清理大厅网关：它会补送最近 30 天的记录。仍缺时，请检查数据库。": (
        "Do not touch the hall's gateway: it sends the last 30 days again. If they stay "
        "missing, examine the database."
    ),
    "评价器无声": "Device silent",
    "同厅其他评价器一直有消息，这台在规定时间内没有任何新签名：可能关机、断网，或被隐瞒。": (
        "Other devices of its hall speak, and nothing newly signed came from this one in the "
        "time set: it is off, cut off or hidden."
    ),
    "请大厅查看该评价器。窗口当日不开放时无需处理；停用的，请吊销。": (
        "Let the hall look at the device. Nothing needs doing while its window is closed; "
        "revoke it if it is no longer used."
    ),
    "大厅无声": "Hall silent",
    "整个大厅在规定时间内没有任何新消息。": (
        "Nothing new came from the whole hall in the time set."
    ),
    "请联系大厅检查网关和网络。放假期间无需处理。": (
        "Ask the hall to check its gateway and network. Nothing needs doing on holidays."
    ),
    "服务信息缺失": "Service missing",
    "大厅没有送来评价所签的服务信息，或送来另一份。评价照常计入，事项未知。": (
        "A rating signs the fingerprint of a service's description, and the hall did not send "
        "that one, or sent another. The rating counts, the matter is unknown."
    ),
    "请大厅检查网关；反复出现时，可能有人替换服务信息，按安全事件处理。": (
        "Let the hall check its gateway. If it happens again, somebody may replace "
        "descriptions: treat it as a security incident."
    ),
    "很少评价": "Seldom rated",
    "近 30 天的评价率不到全省一半，可能没有每次邀请。次数为未评价的服务数。": (
        "In the last 30 days, a service at this window was rated less than half as often as "
        "in the province: perhaps nobody is invited, or only the content. The count is of "
        "unrated services."
    ),
    "请核对该窗口是否每次办完都邀请评价，必要时现场查看。": (
        "Check whether this window invites after every service, on the spot if need be."
    ),
    "疑似两台评价器共用身份": "Two devices may share an identity",
    "有效签名互相矛盾：同一序号说法不一。身份可能被复制，或存储损坏。": (
        "Well-signed messages contradict each other: one says a record was written under a "
        "number, the other that it never was, or that it is another one. Two devices share an "
        "identity, or the device's storage is damaged."
    ),
    "请立即吊销并重新登记该评价器；在查明以前，请勿清空任何一台。": (
        "Revoke the device now and enrol it anew. Erase neither device before this is understood."
    ),
    "评价器报告存储损坏": "Device reports damage",
    "评价器重新启动后，有已写下的记录读不出来，并如实签名报告。此前已送达的记录不受影响。": (
        "After a start the device could not read records that it had written, and signed a "
        "statement of it. What had arrived before is not concerned."
    ),
    "请更换该评价器，并保留旧机。": "Replace the device, and keep the old one.",
    "旧记录重复送来": "Old records sent again",
    "一天前已收妥、已签回执的记录又被送来。重复记录不会计入两次。": (
        "Records that were received and signed for over a day ago were sent again. Nothing is "
        "counted twice."
    ),
    "偶尔出现无需处理；成批出现时，请检查大厅网关是否被人改动。": (
        "Now and then it is harmless. If there are many, check whether somebody changed the "
        "hall's gateway."
    ),
    "评价器状态倒退": "Older head",
    "收到的评价器状态比以前的旧：大厅在重放旧状态，或评价器被恢复到从前。": (
        "What came as a device's newest state is older than one before: the hall repeats an "
        "old one, or the device was set back."
    ),
    "请检查大厅网关；若评价器维修过，请重新登记。": (
        "Check the hall's gateway. If the device was repaired, enrol it anew."
    ),
    "时间有误，已校正": "Wrong time, corrected",
    "评价器从大厅得到的时间不可能是真的。评价按本系统的时钟校正，次序不受影响。": (
        "The time that the hall told the device cannot be true. The rating's time was "
        "corrected by the centre's clock; the order of ratings does not depend on it."
    ),
    "请大厅校准网关的时钟。": "Let the hall set its gateway's clock.",
    "吊销后签名": "Signed after revocation",
    "评价器吊销以后签的记录。原样保存，不计入评价。": (
        "The record was signed after its device was revoked. It is kept and does not count."
    ),
    "请查明这台评价器在谁手中。": "Find out who has the device.",
    "吊销后送达": "Arrived after revocation",
    "评价器吊销以后才送达，自称此前所签，无法证实。照常计入。": (
        "The record arrived after its device was revoked and says it was signed before, which "
        "cannot be proved. It counts."
    ),
    "若评价器是更换下来的，无需处理；若是丢失的，请逐条核对。": (
        "Nothing needs doing for a device that was replaced. If it was lost or stolen, check "
        "each one."
    ),
    "评价器 {device}，序号 {seq} 至 {last}": "device {device}, seq {seq} to {last}",
    "评价器 {device}": "device {device}",
}
