"""Where zones are (divisions of GB/T 2260) and what the departments there are called. The organisations themselves are invented."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from scoring.indicators.model import Model
from scoring.rules.stages import Level
from scoring.statements import Title


@dataclass(frozen=True, slots=True)
class Division:
    """A province, city or county: its code, the word for it in members' ids, its name in Chinese (full, and as in company names) and English."""

    code: str
    id: str
    zh: str
    short: str
    en: str


@dataclass(frozen=True, slots=True)
class Place:
    """A zone's place. Its enterprises are in both ``counties``; the zone's own county comes first."""

    zone: str
    title: Title
    province: Division
    city: Division
    counties: tuple[Division, Division]

    def at(self, level: Level) -> Division:
        """The division whose departments of ``level`` the zone has."""
        return {"province": self.province, "city": self.city, "county": self.counties[0]}[level]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of department: its name in models, what it is called after the name of its division."""

    id: str
    zh: str
    en: str


KINDS = (
    Kind("tax", "税务局", "tax bureau"),
    Kind("market", "市场监督管理局", "market supervision"),
    Kind("science", "科技统计中心", "science statistics"),
    Kind("insurance", "社会保险中心", "social insurance"),
    Kind("ip", "知识产权局", "intellectual property office"),
    Kind("credit", "信用办", "credit office"),
    Kind("customs", "海关", "customs"),
    Kind("statistics", "统计局", "statistics bureau"),
    Kind("development", "发展和改革局", "development and reform bureau"),
    Kind("industry", "经济和信息化局", "industry and information bureau"),
    Kind("finance", "地方金融工作局", "local finance bureau"),
    Kind("talent", "人才服务中心", "talent service"),
    Kind("environment", "生态环境局", "ecology and environment bureau"),
    Kind("emergency", "应急管理局", "emergency management bureau"),
    Kind("commerce", "商务局", "commerce bureau"),
    Kind("housing", "住房公积金中心", "housing fund"),
    Kind("court", "人民法院", "people's court"),
)

_ZHEJIANG = Division("330000", "zhejiang", "浙江省", "浙江", "Zhejiang")
_JIANGSU = Division("320000", "jiangsu", "江苏省", "江苏", "Jiangsu")
_HENAN = Division("410000", "henan", "河南省", "河南", "Henan")
_SUZHOU = Division("320500", "suzhou", "苏州市", "苏州", "Suzhou")
_PLACES = (
    Place(
        "hangzhou-binjiang", Title(zh="杭州高新区(滨江)", en="Hangzhou High-tech Zone (Binjiang)"),
        _ZHEJIANG, Division("330100", "hangzhou", "杭州市", "杭州", "Hangzhou"),
        (Division("330108", "binjiang", "滨江区", "滨江", "Binjiang"), Division("330109", "xiaoshan", "萧山区", "萧山", "Xiaoshan")),
    ),
    Place(
        "suzhou-snd", Title(zh="苏州高新区(虎丘)", en="Suzhou High-tech Zone (Huqiu)"), _JIANGSU, _SUZHOU,
        (Division("320505", "huqiu", "虎丘区", "虎丘", "Huqiu"), Division("320506", "wuzhong", "吴中区", "吴中", "Wuzhong")),
    ),
    Place(
        "kunshan", Title(zh="昆山高新区", en="Kunshan High-tech Zone"), _JIANGSU, _SUZHOU,
        (Division("320583", "kunshan", "昆山市", "昆山", "Kunshan"), Division("320585", "taicang", "太仓市", "太仓", "Taicang")),
    ),
    Place(
        "zhengzhou", Title(zh="郑州高新区(中原)", en="Zhengzhou High-tech Zone (Zhongyuan)"),
        _HENAN, Division("410100", "zhengzhou", "郑州市", "郑州", "Zhengzhou"),
        (Division("410102", "zhongyuan", "中原区", "中原", "Zhongyuan"), Division("410105", "jinshui", "金水区", "金水", "Jinshui")),
    ),
    Place(
        "longwan", Title(zh="温州高新区(龙湾)", en="Wenzhou High-tech Zone (Longwan)"),
        _ZHEJIANG, Division("330300", "wenzhou", "温州市", "温州", "Wenzhou"),
        (Division("330303", "longwan", "龙湾区", "龙湾", "Longwan"), Division("330304", "ouhai", "瓯海区", "瓯海", "Ouhai")),
    ),
    Place(
        "huaian", Title(zh="淮安高新区(清江浦)", en="Huai'an High-tech Zone (Qingjiangpu)"),
        _JIANGSU, Division("320800", "huaian", "淮安市", "淮安", "Huai'an"),
        (Division("320812", "qingjiangpu", "清江浦区", "清江浦", "Qingjiangpu"), Division("320803", "huaianqu", "淮安区", "淮安", "Huai'anqu")),
    ),
)  # fmt: skip
HOME = _PLACES[0]
"""The home zone's place; models that are made for no zone run here."""


def place_of(models: Sequence[Model]) -> Place:
    """The place of the first of ``models`` that is made for a zone known here, by its id or by a word of it; HOME when none is."""
    for model in models:
        words = set(model.zone.split("-"))
        named = [place for place in _PLACES if place.zone == model.zone]
        if found := named or [place for place in _PLACES if words & {*place.zone.split("-"), place.city.id, place.counties[0].id}]:
            return found[0]
    return HOME


def kind_of(department: str) -> Kind:
    """The kind of department; one that has no name here is called by its word in models."""
    return next((kind for kind in KINDS if kind.id == department), Kind(department, f"{department}部门", f"{department} office"))


def kind_rank(department: str) -> tuple[int, str]:
    """For the order in which members stand: as KINDS, then by name."""
    return next((place for place, kind in enumerate(KINDS) if kind.id == department), len(KINDS)), department
