"""What the pages call phases, steps, reasons and kinds of institutions."""

from __future__ import annotations

from typing import Final

from nodes.runtime.pages.language import N_
from scoring.lending.course import Phase
from scoring.statements.lending import DeclineReason, InstitutionKind, LoanStepName

PHASES: Final[dict[Phase, str]] = {
    "new": N_("新建"),
    "applied": N_("已申请"),
    "consented": N_("已授权"),
    "queried": N_("已查询"),
    "surveyed": N_("已尽调"),
    "offered": N_("已报价"),
    "declined": N_("已拒绝"),
    "accepted": N_("已接受"),
    "contracted": N_("已签约"),
    "disbursed": N_("已放款"),
    "repaying": N_("还款中"),
    "closed": N_("已结清"),
    "bad": N_("已认定不良"),
    "withdrawn": N_("已撤回"),
    "expired": N_("已失效"),
}
STEPS: Final[dict[LoanStepName, str]] = {
    "applied": N_("企业申请"),
    "consented": N_("企业授权"),
    "queried": N_("机构查询"),
    "surveyed": N_("实地尽调"),
    "offered": N_("机构报价"),
    "declined": N_("机构拒绝"),
    "guaranteed": N_("担保方签署"),
    "accepted": N_("企业接受"),
    "contracted": N_("签订合同"),
    "disbursed": N_("放款"),
    "drawn": N_("企业支用"),
    "assigned": N_("划给供应商"),
    "unassigned": N_("收回划拨"),
    "settled": N_("支付供应商"),
    "repaid": N_("还款"),
    "closed": N_("结清"),
    "bad": N_("认定不良"),
    "withdrawn": N_("企业撤回"),
    "expired": N_("到期失效"),
}
DECLINES: Final[dict[DeclineReason, str]] = {
    "NOT_ELIGIBLE": N_("不符合产品条件"),
    "CREDIT_D": N_("信用等级为D"),
    "DISHONEST": N_("列入失信名单"),
    "DUE_DILIGENCE": N_("尽调未通过"),
    "PRODUCT_CLOSED": N_("产品已停办"),
    "OTHER": N_("其他"),
}
KINDS: Final[dict[InstitutionKind, str]] = {
    "bank": N_("银行"),
    "insurer": N_("保险"),
    "guarantor": N_("担保"),
    "lessor": N_("融资租赁"),
    "investor": N_("投资"),
}
