"""What levels are called on pages; 13, 12 and 11 are 好, 一般, 差 of a personal form (R11)."""

LEVEL_NAMES = {
    5: "非常满意",
    4: "满意",
    3: "基本满意",
    2: "不满意",
    1: "非常不满意",
    13: "好",
    12: "一般",
    11: "差",
}
