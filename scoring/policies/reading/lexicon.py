"""Words of Chinese policy prose and what they stand for: trades by GB/T 4754—2017, boards, titles, measures, signs of a negation."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

TRADES: dict[str, tuple[str, ...]] = {
    "农、林、牧、渔业": ("A",), "农业": ("A01",), "采矿业": ("B",), "制造业": ("C",), "化学原料和化学制品制造业": ("C26",), "医药制造业": ("C27",),
    "生物医药": ("C27", "M73"), "通用设备制造业": ("C34",), "专用设备制造业": ("C35",), "汽车制造业": ("C36",), "新能源汽车": ("C36",),
    "铁路、船舶、航空航天和其他运输设备制造业": ("C37",), "航空航天": ("C37",), "电气机械和器材制造业": ("C38",),
    "计算机、通信和其他电子设备制造业": ("C39",), "集成电路": ("C39", "I65"), "仪器仪表制造业": ("C40",),
    "电力、热力、燃气及水生产和供应业": ("D",), "建筑业": ("E",), "批发和零售业": ("F",), "批发业": ("F51",), "零售业": ("F52",),
    "交通运输、仓储和邮政业": ("G",), "住宿和餐饮业": ("H",), "信息传输、软件和信息技术服务业": ("I",), "互联网和相关服务": ("I64",),
    "软件和信息技术服务业": ("I65",), "软件业": ("I65",), "金融业": ("J",), "房地产业": ("K",), "租赁和商务服务业": ("L",),
    "科学研究和技术服务业": ("M",), "研究和试验发展": ("M73",), "专业技术服务业": ("M74",), "科技推广和应用服务业": ("M75",),
    "水利、环境和公共设施管理业": ("N",), "居民服务、修理和其他服务业": ("O",), "教育业": ("P",),
    "卫生和社会工作": ("Q",), "文化、体育和娱乐业": ("R",),
}  # fmt: skip
BOARDS: dict[str, tuple[str, ...]] = {
    "主板": ("main",), "创业板": ("growth",), "科创板": ("growth",), "北交所": ("growth",), "北京证券交易所": ("growth",),
    "新三板": ("neeq",), "全国股转系统": ("neeq",), "全国中小企业股份转让系统": ("neeq",),
    "区域性股权市场": ("regional",), "股权交易中心": ("regional",),
    "上市公司": ("main", "growth"), "境内上市": ("main", "growth"), "首发上市": ("main", "growth"),
    "上市企业": ("main", "growth"), "已上市": ("main", "growth"),
    "上市": ("main", "growth"),
}  # fmt: skip
TITLES: dict[str, tuple[str, ...]] = {
    "国家高新技术企业": ("htc",), "高新技术企业": ("htc",), "国家高企": ("htc",), "科技型中小企业": ("sme-technology",),
    "创新型中小企业": ("innovative-sme",), "专精特新中小企业": ("specialised-sme",), "“专精特新”中小企业": ("specialised-sme",),
    "专精特新“小巨人”企业": ("little-giant",), "专精特新“小巨人”": ("little-giant",),
    "“小巨人”企业": ("little-giant",), "小巨人企业": ("little-giant",),
    "雏鹰企业": ("fledgling",), "瞪羚企业": ("gazelle",), "独角兽企业": ("unicorn",),
}  # fmt: skip
NOT_YET = re.compile(r"(?:拟|争创|申报|申请|培育|推荐|辅导|后备|筹备|谋划|准|引进)(?:成为|认定|评为|在)?[“”\"]?$")
"""Before a title or board: one that the enterprise is to get, and does not have."""

NOT_ITSELF = re.compile(r"(?:培育库|培育|后备|辅导|审核|申报|认定管理|认定工作|税收优惠|产业开发区|家数|数量|服务|总部经济)")
"""After a title or board: the words are part of another thing's name."""

NEGATION = re.compile(r"(?:除|不含|不包括|不属于|非|未|未在|不在|尚未(?:在)?|不得为|不得属于|未被认定为|不是)[“”\"]?$")
HONEST = re.compile(
    r"(?:未|没有|不)(?:被)?(?:列入|纳入|存在|属于)[^，,。；]{0,12}失信[^，,。；]{0,8}|非失信被执行人|无(?:严重)?(?:违法)?失信(?:记录|行为)?|信用记录良好"
)
TAX_CLEAR = re.compile(r"(?:无|不存在|没有|未)[^，,。；]{0,4}?(?:拖欠税款|欠缴税款|税款拖欠|欠税)(?:行为|记录|情形)?")
INSURANCE_CLEAR = re.compile(
    r"(?:无|不存在|没有|未)[^，,。；]{0,6}?(?:社保欠费|社会保险费?欠缴|欠缴社会保险费?|社保费欠缴|拖欠社会保险费?|欠缴社保费?)(?:行为|记录|情形)?"
)
REGISTERED = re.compile(
    r"(?:工商)?(?:注册地(?:址)?|登记地|税务登记地|住所|注册登记)?(?:且)?(?:均)?(?:位于|设在|登记在|注册在|注册于|落户(?:于|在)?|在)[“”\"]?$|(?:注册地(?:址)?|住所地?)为?$"
)
"""Before a place: that is where the enterprise has to be registered."""

REGISTERED_AFTER = re.compile(r"(?:内|范围内|辖区内|行政区域内|区域内)?(?:依法)?(?:登记)?(?:注册|登记|设立)|(?:辖区)?内(?:的)?企业")
OWN_ZONE = ("本区", "我区", "高新区", "区内", "辖区")


def words(*lexica: Iterable[str]) -> re.Pattern[str]:
    """A pattern that finds the longest word at each place."""
    everything = {word for lexicon in lexica for word in lexicon}
    return re.compile("|".join(sorted(map(re.escape, everything), key=len, reverse=True)))


def codes(lexicon: Mapping[str, tuple[str, ...]], found: Iterable[str]) -> tuple[str, ...]:
    """What the words stand for, each code once, in the order of the text."""
    return tuple(dict.fromkeys(code for word in found for code in lexicon[word]))
