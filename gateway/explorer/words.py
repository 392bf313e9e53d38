"""What a verifier of receipts found, in words: one sentence for each reason that it can give."""

from __future__ import annotations

from nodes.runtime.pages.language import N_

REASONS = {
    "RECEIPT_FORMAT": N_("不是本系统的凭证，或内容有缺漏。"),
    "ZONE_MISMATCH": N_("凭证属于另一个高新区。"),
    "KEY_NOT_PINNED": N_("凭证所用公钥不是本区的公钥。"),
    "MODEL_NOT_PINNED": N_("凭证所用指标体系不是本区公布的版本。"),
    "CHECKPOINT_SIGNATURE": N_("日志检查点不是本区日志签发的。"),
    "WITNESS_POLICY": N_("日志检查点缺少足够的见证方联署。"),
    "MEMBERS_INVALID": N_("凭证附带的成员变更不成立。"),
    "SIGNATURE_INVALID": N_("凭证中某项声明的签名不成立。"),
    "SIGNER_NOT_ALLOWED": N_("凭证中某项声明的签署方无权签署。"),
    "STATEMENT_KIND": N_("凭证中某项声明不是应有的种类。"),
    "LEAF_INVALID": N_("凭证中的日志条目格式不对。"),
    "LEAF_DIGEST": N_("日志条目记录的不是凭证中的这份声明。"),
    "INCLUSION_PROOF": N_("无法证明该条目在日志中。"),
    "TLOG_PROOF": N_("凭证中的日志证明不成立。"),
    "TICKET_MISMATCH": N_("凭证内容与放行单不一致。"),
    "ROW_MISMATCH": N_("某部门的密文不属于这次放行。"),
    "ROW_CIPHERTEXTS": N_("某部门的密文被改动，或其证明不成立。"),
    "NOT_OWNER": N_("某项数据不是由其权属部门提供的。"),
    "STAGE_MISMATCH": N_("发展阶段属于另一企业、评价期或指标体系。"),
    "STAGE_PROOF": N_("发展阶段的证明不成立。"),
    "CONSENT_MISMATCH": N_("企业授权不是放行单所指的那一份。"),
    "CONSENT_SCOPE": N_("企业授权不包含这次查询。"),
    "REQUEST_INVALID": N_("银行的签名请求不成立。"),
    "REQUEST_MISMATCH": N_("银行请求的不是放行的内容。"),
    "PRODUCT_MISMATCH": N_("放行内容与金融产品的需要不符。"),
    "FUNCTIONAL_MISMATCH": N_("计分权重不是指标体系规定的权重。"),
    "INPUT_MISMATCH": N_("参与计算的密文不是放行单列明的密文。"),
    "AGGREGATE_MISMATCH": N_("汇总密文不是由列明的密文算出的。"),
    "OPENING_INVALID": N_("开启结果与汇总密文不符。"),
    "VALUE_IMPOSSIBLE": N_("开启的数值是指标体系不可能给出的。"),
    "RESULT_MISMATCH": N_("凭证所写总积分不是开启的数值。"),
    "LINE_MISMATCH": N_("凭证所写额度不是公式给出的额度。"),
    "PERCENTILE_MISMATCH": N_("凭证所写分位区间不是公布的分位表给出的。"),
}
