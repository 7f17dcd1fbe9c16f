"""Own Chinese text for fitting the claim checker: short financial reports put together from clauses written for this project.

reports(rng, n) yields (sentence, context): a sentence to make claims from, and the report it stands in. Nothing is taken from a document."""
NAMES = "宏遠銀行 中嶺金控 瑞豐證券 長河保險 東濱電子 永曜科技 北辰航運 聯岳建設 凱信投信 松嶽產險 大川租賃 群和資產 明澤生技 海威物流 泰嶺水泥 立寰半導體".split()
PERIODS = ["2023年", "2022年", "113年度", "112年度", "2023年第一季", "2023年第二季", "2022年第三季", "112年第四季", "2023年上半年", "2022年下半年", "2023年前三季度"]
AMOUNTS = "營業收入 稅後淨利 備抵呆帳 放款餘額 存款餘額 手續費收入 利息支出 資本支出 研發費用 逾期放款 不動產放款 現金及約當現金 應收帳款 淨利息收入".split()
RATES = "逾放比率 資本適足率 流動性覆蓋比率 毛利率 淨利差 存放比 覆蓋率 市占率 殖利率 失業率 消費者物價指數年增率 出口年增率".split()
UNITS = ["億元", "萬元", "億美元", "億港元"]
UP, DOWN = "增加 增長 上升 提高 擴大".split(), "減少 下滑 下降 降低 縮小".split()
CAUSES = "主要係企業金融放款需求變動所致 主因海外投資部位調整 反映市場利率變化 受匯率波動影響 係因新廠投產 主要受通路調整影響 係依主管機關規定提列".split()
EVENTS = [
    "{n}董事會通過{p}盈餘分配案，每股配發現金股利{d}元",
    "{n}已與{m}簽署合作備忘錄，共同開發跨境支付平台",
    "{n}擬發行{a}{u}次順位金融債券，用以充實資本",
    "{n}因內部控制缺失遭主管機關核處罰鍰{a}萬元",
    "{n}將於{p}完成核心系統移轉，目前尚未訂定退場計畫",
    "{n}獲核准在越南設立分行，預計{p}開業",
    "{n}存在未決訴訟，求償金額約{a}{u}",
    "{n}同意出售持有之{m}股份{a}萬股",
    "{n}計劃裁撤{k}個營業據點，員工約{k2}人受影響",
    "{n}仍維持全年資本支出{a}{u}之目標",
    "{n}有{k}項重大資安事件通報，均已改善完成",
    "{n}完成收購{m}之全部股權，交易金額{a}{u}",
]
MOVES = [
    "{n}{p}{m}為{a}{u}，較上年同期{v}{r}%，{c}",
    "{p}{n}{m}達{a}{u}，較上期{v}{b}{u}",
    "{n}{p}{x}為{r}%，較上期{v}{d}個百分點",
    "{n}表示，{p}{m}合計{a}{u}，{c}",
    "截至{p}，{n}{x}{v}至{r}%，{c}",
    "{n}預計{p}{m}將{v}約{r}%",
    "{n}{p}{m}超過{a}{u}，其中海外占{r}%",
    "央行決議調升政策利率{h}碼，{n}存款利率同步調整",
]


def number(rng, low, high, places):
    value = rng.uniform(low, high)
    text = f"{value:.{places}f}"
    return f"{int(text):,}" if places == 0 and value >= 1000 and rng.random() < 0.6 else text


def sentence(rng):
    template = rng.choice(MOVES if rng.random() < 0.65 else EVENTS)
    name, other = rng.sample(NAMES, 2)
    unit = rng.choice(UNITS)
    amount = lambda: number(rng, 1, 99, rng.choice([1, 2])) if "億" in unit else number(rng, 100, 99000, 0)
    metric = rng.choice(AMOUNTS) if "{u}" in template or "約" in template else other
    values = dict(n=name, p=rng.choice(PERIODS), m=metric if template in MOVES else other, x=rng.choice(RATES), u=unit, a=amount(), b=amount(),
                  r=number(rng, 0.2, 60, rng.choice([0, 1, 2])), d=number(rng, 0.1, 5, rng.choice([1, 2])), v=rng.choice(UP + DOWN), c=rng.choice(CAUSES),
                  k=str(rng.randint(2, 40)), k2=str(rng.randint(50, 900)), h=rng.choice("半一二兩三"))
    return template.format(**values)


def reports(rng, count):
    for _ in range(count):
        sentences = [sentence(rng) for _ in range(rng.choice([1, 2, 3, 5, 8]))]
        yield rng.choice(sentences), "。".join(sentences) + "。"
