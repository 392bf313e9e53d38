"""What the pages call kinds, phases, steps and reasons: from the enterprise's side."""

from __future__ import annotations

from typing import Final

from nodes.runtime.pages.language import N_
from scoring.lending.course import Phase
from scoring.statements.lending import DeclineReason, InstitutionKind, LoanStepName

KINDS: Final[dict[InstitutionKind, str]] = {
    "bank": N_("银行贷款"),
    "insurer": N_("保险"),
    "guarantor": N_("担保"),
    "lessor": N_("融资租赁"),
    "investor": N_("投资"),
}
PHASES: Final[dict[Phase, str]] = {
    "new": N_("新建"),
    "applied": N_("已申请，待授权"),
    "consented": N_("已授权，待机构查询"),
    "queried": N_("机构已查询"),
    "surveyed": N_("已实地尽调"),
    "offered": N_("机构已报价，待接受"),
    "declined": N_("机构未同意"),
    "accepted": N_("已接受，待签约"),
    "contracted": N_("已签约"),
    "disbursed": N_("已放款"),
    "repaying": N_("还款中"),
    "closed": N_("已结清"),
    "bad": N_("不良"),
    "withdrawn": N_("已撤回"),
    "expired": N_("已过期"),
}
STEPS: Final[dict[LoanStepName, str]] = {
    "applied": N_("本企业申请"),
    "consented": N_("本企业授权查询"),
    "queried": N_("机构查询"),
    "surveyed": N_("机构实地尽调"),
    "offered": N_("机构报价"),
    "declined": N_("机构不同意"),
    "guaranteed": N_("担保机构签署份额"),
    "accepted": N_("本企业接受"),
    "contracted": N_("签订合同"),
    "disbursed": N_("放款"),
    "drawn": N_("本企业提款"),
    "assigned": N_("划给供应商"),
    "unassigned": N_("收回划给供应商的额度"),
    "settled": N_("机构付给供应商"),
    "repaid": N_("还款"),
    "closed": N_("结清"),
    "bad": N_("机构认定不良"),
    "withdrawn": N_("本企业撤回"),
    "expired": N_("过期"),
}
DECLINES: Final[dict[DeclineReason, str]] = {
    "CREDIT_D": N_("信用等级为 D"),
    "DISHONEST": N_("列入失信名单"),
    "NOT_ELIGIBLE": N_("不符合产品条件"),
    "DUE_DILIGENCE": N_("实地尽调未通过"),
    "PRODUCT_CLOSED": N_("产品已停办"),
    "OTHER": N_("其他"),
}
REASONS: Final[dict[str, str]] = {
    "NOT_ELIGIBLE": N_("按规则目前没有额度"),
    "VETOED": N_("触发一票否决"),
    "CONDITION_NOT_MET": N_("有资格条件未满足"),
    "NOT_SHOWN": N_("画像中缺少所需数据"),
    "BELOW_MINIMUM": N_("总积分未达最低要求"),
    "STAGE": N_("不面向本企业的发展阶段"),
}
