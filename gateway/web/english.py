"""The English of the gateway's pages. Chinese is the message; a test finds what is missing."""

ENGLISH = {
    "大厅评价网关": "Hall rating gateway",
    "大厅概览": "Hall overview",
    "大厅编号 {hall}": "Hall {hall}",
    "窗口评价": "Window console",
    # windows
    "窗口情况": "Windows",
    "窗口": "Window",
    "工作人员": "Clerk",
    "票号": "Ticket",
    "状态": "Status",
    "评价": "Rating",
    "正在服务的窗口": "Windows serving",
    "暂停": "Paused",
    "未签到": "Not signed in",
    "办理中": "Serving",
    "邀请评价": "Inviting",
    "空闲": "Free",
    "已评价": "Rated",
    "未评价": "Not rated",
    "省级系统尚未为本大厅登记窗口。": "The centre has not registered this hall's windows yet.",
    "正在向省级系统获取大厅资料，取得后窗口会显示在这里。": (
        "Asking the centre for the hall's data. The windows will show here."
    ),
    # devices
    "评价器情况": "Devices",
    "评价器": "Device",
    "在线的评价器": "Devices online",
    "编号": "Id",
    "连接": "Connection",
    "最近消息": "Last heard",
    "画面": "Screen",
    "时间": "Clock",
    "固件": "Firmware",
    "还可存储": "Room left",
    "在线": "Online",
    "离线": "Offline",
    "尚未连接": "Never connected",
    "没有评价器": "No device",
    "已停用": "Revoked",
    "未分配": "Not assigned",
    "刚刚": "Just now",
    "{span}前": "{span} ago",
    "条，约 {days} 天": "records, about {days} days",
    "登记后还没有连接过。接通电源和网线后会自动连接。": (
        "Enrolled, but never connected. It connects by itself once it has power and network."
    ),
    "本大厅还没有登记评价器。": "No device is enrolled for this hall yet.",
    "待机": "Standby",
    "已致谢": "Thanking",
    "暂停评价": "Out of service",
    "准确": "Good",
    "待校准": "Stale",
    "未校准": "Not set",
    "没有连接": "Not connected.",
    "检查评价器的电源和网线。": "Check the device's power and network cable.",
    "存储快满了": "Almost full.",
    "检查大厅与省级系统的连接，送达后自动腾出空间。": (
        "Check the hall's connection to the centre; room is freed once the records have arrived."
    ),
    "有按键卡住": "A key is stuck.",
    "清洁或更换该按键，其余按键照常可用。": "Clean or replace it; the other keys work.",
    "存储已满，暂停评价": "Full, therefore out of service.",
    "检查大厅与省级系统的连接，送达并收到回执后自动恢复。": (
        "Check the hall's connection to the centre; it resumes by itself when receipts come."
    ),
    "省级回执未通过验证": "The centre's receipt could not be verified.",
    "记录继续保存在评价器中，请联系省级系统核对该评价器的登记。": (
        "The device keeps its records. Ask the centre to check this device's enrolment."
    ),
    "收到无法识别的叫号信息": "It received a ticket that it cannot read.",
    "收到无法识别的确认": "It received an acknowledgement that it cannot read.",
    "收到无法识别的时间": "It received a time that it cannot read.",
    "检查网关与评价器的版本是否相符。": "Check that gateway and device versions fit together.",
    "显示设置未通过验证": "Its settings could not be verified.",
    "显示设置的签名不符": "Its new settings are not signed for it.",
    "显示设置属于另一台评价器": "Its new settings belong to another device.",
    "显示设置的版本过旧": "Its new settings are older than those in use.",
    "显示设置的内容超出规定范围": "Its new settings are out of range.",
    "询问原因": "asks why",
    "技术员检测": "technician's test",
    "请联系省级系统重新下发设置。": "Ask the centre to send the settings again.",
    "升级包未通过验证": "Its update could not be verified.",
    "请联系省级系统重新下发升级。": "Ask the centre to send the update again.",
    # alarms
    "告警": "Alarms",
    "技术细节": "Details",
    "网关有一个告警": "The gateway has an alarm",
    "消息服务已停止": "The message broker has stopped",
    "网关正在自动重新启动它，评价保存在评价器中。": (
        "The gateway is restarting it. The devices keep their ratings meanwhile."
    ),
    "与消息服务的连接中断": "The connection to the message broker is lost",
    "检查消息服务是否运行；网关会自动重连。": (
        "Check that the broker runs; the gateway reconnects by itself."
    ),
    "消息服务的用户文件无法写入": "The broker's user files cannot be written",
    "检查该文件夹的权限和磁盘空间。": "Check the folder's permissions and the disk's space.",
    "部分评价器的口令无法读取": "Some devices' passwords cannot be read",
    "请重新登记这些评价器。": "Enrol these devices again.",
    "数据库无法写入": "The database cannot be written",
    "检查磁盘空间；评价继续保存在评价器中。": (
        "Check the disk's space. The devices keep their ratings meanwhile."
    ),
    "数据盘已满": "The data disk is full",
    "请清理数据盘，网关会自动恢复；评价继续保存在评价器中。": (
        "Make room on it; the gateway goes on by itself. The devices keep their ratings meanwhile."
    ),
    "数据库曾经损坏，已另行保存": "The database was damaged and has been set aside",
    "请检查磁盘。移走损坏的文件后告警解除；评价器会补送记录。": (
        "Check the disk. Moving the damaged file away ends the alarm; the devices send again."
    ),
    "暂时无法送达省级系统": "The centre cannot be reached",
    "评价保存在本大厅，恢复后自动补送。检查外网、代理和令牌。": (
        "Ratings are kept in this hall and sent when it is back. Check network, proxy and token."
    ),
    "大厅编号与配置不符": "The hall's id is not the configured one",
    "核对 gateway.toml 中的 hall 和 centre_token_file。": (
        "Check hall and centre_token_file in gateway.toml."
    ),
    "尚未取得大厅资料": "The hall's data has not arrived yet",
    "取得之前评价器无法登录。检查与省级系统的连接。": (
        "No device can log in before. Check the connection to the centre."
    ),
    # what waits, marks
    "等待上报": "Waiting for the centre",
    "条": "items",
    "上报省级系统": "To the centre",
    "等待上报的评价记录": "Records waiting",
    "等待上报的服务信息": "Service documents waiting",
    "省级系统退回的记录": "Records rejected by the centre",
    "最早 {time}": "since {time}",
    "本大厅收到的评价均已送达。": "Everything that this hall received has arrived.",
    "退回的记录会继续保存并再次上报。请联系省级系统核对这些评价器的登记。": (
        "Rejected records are kept and offered again. Ask the centre to check these devices' "
        "enrolment."
    ),
    "完整性标记与拒收": "Integrity marks and refusals",
    "标记：{name}": "Marked: {name}",
    "拒收：{reason}": "Refused: {reason}",
    "来源不明": "unknown sender",
    "没有异常记录，也没有拒收任何内容。": "No unusual records, and nothing was refused.",
    "带标记的记录照常保存和上报，由省级系统核验。拒收的内容不是有效记录，只保留开头供查验。": (
        "Marked records are kept and sent like all others; the centre judges them. What was "
        "refused is no valid record; only its beginning is kept for inspection."
    ),
    "内容超出规定范围": "out of range",
    "版本未知": "unknown version",
    "类型未知": "unknown kind",
    "记录链不连续": "broken chain",
    "与服务信息不一致": "differs from the service",
    "一次服务多次评价": "rated twice",
    "内容过长": "too long",
    "不是文本": "not text",
    "不是签名记录": "not a signed record",
    "记录无法识别": "unreadable record",
    "属于另一台评价器": "of another device",
    "评价器未登记": "device not enrolled",
    "状态无法识别": "unreadable state",
    "发往无权使用的主题": "on a topic that is not its own",
    "网关无法判断": "could not be judged",
    # console
    "工号": "Staff number",
    "姓名": "Name",
    "签到": "Sign in",
    "签退": "Sign off",
    "换岗": "Take over",
    "换岗（A/B 岗）": "Substitution (A/B)",
    "接替的工作人员在此签到，从下一位群众起显示新的姓名。": (
        "The substitute signs in here; the new name shows from the next citizen on."
    ),
    "暂停服务": "Pause",
    "恢复服务": "Resume",
    "窗口暂停服务": "This window is paused",
    "下一位的票号": "Next ticket number",
    "开始服务": "Start",
    "正在办理": "Now serving",
    "请评价": "Invite rating",
    "再次请评价": "Invite again",
    "正在邀请评价": "Inviting",
    "结束服务": "Finish",
    "上一位 {ticket}": "Last: {ticket}",
    "本窗口还没有评价器，请联系大厅信息人员。": (
        "This window has no rating device yet. Tell the hall's IT staff."
    ),
    "评价器没有连接，群众暂时无法评价。业务可照常办理，请联系大厅信息人员。": (
        "The rating device is not connected, so nobody can rate now. Go on serving, and tell the "
        "hall's IT staff."
    ),
    "评价器暂停使用，群众暂时无法评价。业务可照常办理，请联系大厅信息人员。": (
        "The rating device is out of service, so nobody can rate now. Go on serving, and tell the "
        "hall's IT staff."
    ),
    "这次服务已经结束。": "This service is over already.",
    "工号由 1 到 16 个字母、数字或连字符组成。": (
        "A staff number has 1 to 16 letters, digits or hyphens."
    ),
    "姓名最多 32 个字。": "A name has at most 32 characters.",
    "票号由 1 到 16 个字母、数字或连字符组成。": (
        "A ticket number has 1 to 16 letters, digits or hyphens."
    ),
    "大厅没有这个窗口。": "The hall has no such window.",
}
