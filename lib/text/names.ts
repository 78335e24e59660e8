/**
 * Personal names in Chinese and English text, by rules: a Chinese candidate is a surname with one or two characters, an English one a known
 * given name or a title with a capitalised word; what stands around it and what a segmenter makes of it decides. Such rules miss names and
 * find some that are none: measure both (scoreSpans) before relying on them.
 */
import { jiebaTags } from "./segment/jieba";

export interface NameSpan { start: number; end: number }

const SURNAMES = new Set(("王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁魏薛叶阎余潘杜戴夏钟汪田任姜范方石姚谭廖邹熊金陆郝孔白崔康毛邱秦江史顾侯邵孟龙万段雷钱汤尹黎易常武乔贺赖龚文" +
  "庞樊兰殷施陶洪翟安颜倪严牛温芦季俞章鲁葛伍韦申尤毕聂丛焦柳邢骆岳齐沿梅莫庄辛管祝左涂谷祁时舒耿牟卜路詹关苗凌费纪靳盛童欧甄项曲成游阳裴席卫查屈鲍位覃霍翁隋植甘景薄包柏宁柯阮桂闵强柴华车冉房边辜吉饶刁瞿戚丘古池滕晋苑邬臧畅嵺苟褚廉简娄盖符奚木穆党燕郎邸冀谈姬屠连郜晏栾郁商蒙喻揭窦迟宇敖糜鄢冷卓花仇艾蓝巩稽练仲乐虞卞封竺冼楚佟栗匡宗台巫鞠僧桑荆谌银扬沙薄伏岑习胥蔺").split(""));
const COMPOUND = ["欧阳", "司马", "上官", "诸葛", "东方", "皇甫", "尉迟", "公孙", "慕容", "令狐", "宇文", "长孙", "司徒", "夏侯", "闻人", "端木", "南宫", "独孤", "西门", "轩辕"];
/** Characters that given names do not have, because they are the grammar of a sentence. */
const NOT_GIVEN = new Set("的了是在和与及或从到于由向对把被让给将已也都还又就再不没有无个这那哪我你他她它们之其说称某等者为以所此每各请要".split(""));
const BEFORE = /(?:姓名|名字|联系人|负责人|经办人|申请人|报案人|举报人|收件人|寄件人|被访人|受益人|被保险人|乘车人|租车人|处理人|审批人|登记人|当事人|患者|病人|家属|家长|客户|用户|员工|同事|同学|学生|学员|访客|乘客|管理员|工程师|医生|护士|客服|经理|主任|作者|记者|值班|白班|夜班|组长|我叫|我是|名叫|叫做|联系|抄送|通知|感谢|谢谢|拜托|转告|找|由|经|向|请|给|和|与|及|、|小组成员)(?:[：:]|是|为|叫)?\s*$/;
const TITLE = /^(?:先生|女士|小姐|太太|夫人|同学|同志|老师|教授|博士|医生|大夫|护士|律师|法官|警官|经理|总监|主任|主管|主席|处长|局长|科长|部长|院长|校长|队长|组长|工程师|师傅|总(?!部|体|结|共|是))/;
const AFTER = /^(?:$|[^\p{Script=Han}\p{L}\p{N}]|的|于|从|在|称|说|表示|反映|反馈|已|将|刚|正|同意|负责|处理|签名|签字|整理|保管|提交|登录|修改|申请|报告|发现|收到|您好|你好|和|与|开了|打来|来访|确认|上报|是|因|把|被|向|对)/u;
/** Surnames that are words of their own: without a sign before or behind, a common word or a single character after them makes no name. */
const WEAK = new Set("时位包方高强于安易白许池金鲁关常段成连年乐车花马牛万水平蓝项路曲游章景温文甘武广通严危边单程钟汤伏柏桂".split(""));
/** Words that look like names to the segmenter too. */
const NO_NAME = /^(?:安全|许可|鲁棒|金字塔|谢谢|白班|银行|王者|张贴|高兴|安排|安装|平安|公安|方便|马上|时段|金融|万一|周末|周边|常规|成功|成都|于是|严重|鲁莽|童年|康复|温馨|温度|明白|关闭|关键|查看|查询|查明|连同|元旦|年终|解决|终端|云端)/;
const PLACE_END = /[村市县路街省区镇乡山河湖江海井口岛桥港寺宫园门站]$/;

/** One word of the dictionary that is not tagged as a name. */
const isWord = (text: string): boolean => { const [{ word, tag }] = jiebaTags(text); return word === text && tag !== "x" && !tag.startsWith("nr"); };

/** Chinese names: from 3 points on a candidate counts as one. */
export function chineseNames(text: string): NameSpan[] {
  if (!/\p{Script=Han}/u.test(text)) return [];
  let at = 0;
  const words = jiebaTags(text).map(({ word, tag }) => { const start = at; at += word.length; return { start, end: at, common: word.length > 1 && tag !== "x" && !tag.startsWith("nr") }; });
  const bounds = new Set([0, ...words.map((w) => w.end)]), out: NameSpan[] = [];
  for (let i = 0; i < text.length; i++) {
    const family = COMPOUND.find((c) => text.startsWith(c, i)) ?? (SURNAMES.has(text[i]) ? text[i] : undefined);
    if (!family) continue;
    let best: { end: number; points: number } | undefined;
    for (const given of [2, 1]) {
      const end = i + family.length + given, name = text.slice(i, end);
      if (end > text.length || !/^\p{Script=Han}+$/u.test(name) || [...name.slice(family.length)].some((c) => NOT_GIVEN.has(c))) continue;
      if (NO_NAME.test(name)) continue;
      const left = text.slice(Math.max(0, i - 12), i), right = text.slice(end, end + 6);
      let points = 0;
      if (WEAK.has(family) && !BEFORE.test(left) && !TITLE.test(right)) points -= given === 1 ? 2 : isWord(name.slice(1)) ? 3 : 0;
      if (BEFORE.test(left)) points += 2;
      else if (i === 0 || !/[\p{L}\p{N}]$/u.test(left)) points += 1;
      if (TITLE.test(right)) points += 2;
      else if (AFTER.test(right)) points += 1;
      if (bounds.has(i) && bounds.has(end)) points += 1;
      if (family.length === 2 || given === 2) points += 1;
      // a common word that holds the surname, or reaches beyond the name's end
      if (words.some((w) => w.common && ((w.start <= i && w.end > i) || (w.start < end && w.end > end)))) points -= 3;
      if (PLACE_END.test(name)) points -= 2;
      if (points >= 3 && (!best || points > best.points)) best = { end, points };
    }
    if (best) { out.push({ start: i, end: best.end }); i = best.end - 1; }
  }
  return out;
}

const GIVEN = new Set(`james john robert michael william david richard joseph thomas charles christopher daniel matthew anthony mark donald steven paul andrew joshua kenneth kevin brian george edward ronald timothy jason jeffrey
  ryan jacob gary nicholas eric jonathan stephen larry justin scott brandon benjamin ben samuel sam gregory frank alexander alex raymond patrick jack dennis jerry tyler aaron jose adam henry nathan douglas zachary peter kyle walter
  ethan jeremy harold carl keith roger gerald christian sean arthur austin noah lawrence jesse joe bryan billy jordan albert dylan bruce willie gabriel alan juan logan wayne ralph roy eugene randy vincent russell louis philip
  bobby johnny bradley mary patricia jennifer linda elizabeth barbara susan jessica sarah karen lisa nancy betty sandra margaret ashley kimberly emily donna michelle carol amanda melissa deborah stephanie rebecca laura
  sharon cynthia kathleen amy angela shirley anna brenda pamela emma nicole helen samantha katherine christine debra rachel carolyn janet catherine maria heather diane ruth julie olivia joyce virginia victoria kelly lauren
  christina joan evelyn judith megan andrea cheryl hannah jacqueline martha gloria teresa ann sara madison frances kathryn janice jean abigail alice julia judy sophia grace denise amber doris marilyn danielle beverly isabella
  theresa diana natalie brittany charlotte marie kayla alexis lori lucy ellen elena elaine chloe claire clara fiona ingrid igor ivan dmitri sergei boris oleg olga natasha svetlana stefan hans klaus jurgen heinrich lars nils sven
  bjorn erik olaf oscar otto felix max leo luca marco marcus matteo giovanni giulia francesca paolo pedro pablo carlos carla diego miguel luis rosa carmen sofia lucia paula ana ines joao rui leila layla ahmed mohamed mohammed
  muhammad ali omar hassan hussein fatima aisha khalid yusuf ibrahim amir reza priya anil raj rahul ravi sanjay sunita deepa arjun vikram kim lee min jin hiroshi kenji yuki takashi akira sakura wei ming jing li fang lei yan
  xin chen mei hua tom tim dan mike bob jim bill kate liz anne jane rose joy wendy mia ella eva nora ida ian hugo theo simon martin colin neil graham stuart owen dean craig derek gavin howard leonard norman will`.split(/\s+/));
/** Given names that are words too: alone they say nothing. */
const AMBIGUOUS = new Set("mark will may rose joy grace jack bill frank dean rob art max min long so an van hope faith page jean guy drew chase grant chance miles rich dick ray jordan paris austin madison virginia victoria charlotte li lee hua fang".split(" "));
const WORD = String.raw`(?:\p{Lu}['’])?\p{Lu}\p{Ll}+(?:['’-]\p{Lu}?\p{Ll}+)*`;
const NOT_NAMES = new Set(`The This That These Those A An And But For From With In On At To Of By Or If When While After Before Since Until As So Not No Yes Please Would Could Should Can Will Shall Must Do Does Did Is Are Was Were Has Have Had
  Our Your His Her My Their Its We You They He She It Who What Where Why How Which There Here All Any Each Every Some Both Dear Hello Hi Hey Thanks Thank Ask Call Tell Send Change Contact Name Next Signed Sources Source
  Street Road Avenue Lane Square Creek River Lake Mountain City Town Park Bridge Airport Station Building Room Floor North South East West New Old Great Upper Lower San Saint Los Las
  University Institute College School Hospital Company Corporation Corp Inc Ltd Group Bank Office Center Centre Department Team Committee Council Agency Association Foundation Project Course Chapter Section Figure Table Test
  Server Service Services System Security Network Firewall Gateway Router Desktop Directory Active Remote Windows Linux Mac Apache Google Microsoft Amazon Web Cloud Azure Exchange Domain Controller Red Hat Internet Explorer
  Common Vulnerabilities Exposures Cross Site Denial Attack Protocol Transport Layer Secure Shell Public Private Key Access Control Machine Learning Language Model Open Source Data Center Code Visual Studio Operations Report Error Alert Warning Critical
  Monday Tuesday Wednesday Thursday Friday Saturday Sunday January February March April June July August September October November December User Users Customer Client Patient Student Visitor Supplier Applicant Admin Administrator Manager Director`.split(/\s+/));
const FULL = new RegExp(String.raw`(?<![\p{L}\p{N}_.@-])(${WORD})((?: \p{Lu}\.)?(?: ${WORD}){1,2})(?![\p{L}\p{N}_@-])`, "gu");
const TITLED = new RegExp(String.raw`(?<![\p{L}\p{N}_])(?:Mr|Mrs|Ms|Miss|Mx|Dr|Prof|Professor|Sir|Madam)\.? ((?:${WORD})(?: ${WORD})?)`, "gu");
const TITLE_WORD = /^(?:Mr|Mrs|Ms|Miss|Mx|Dr|Prof|Professor|Sir|Madam)$/;
const CUED = new RegExp(String.raw`(?:\b[Nn]ame(?: is|:)|\b[Cc]ontact(?: person)?:|\b[Ss]igned by|\b[Rr]eported by|\b[Ww]ritten by|\b[Mm]inutes by|\b[Aa]pplicant:?|\b[Pp]atient:?|\b[Vv]isitor:?|\b[Ss]tudent:?|\b[Ii]nsured:|\b[Bb]eneficiary:?|\b[Nn]ext of kin:|\bI am|\bI'm|\bDear|\bHi|\bHello|\b[Tt]alking to|\bcall|\b[Rr]egards,) (${WORD}(?: ${WORD})?)(?![\p{L}\p{N}_@-])`, "gu");
/** A given name alone that acts or is spoken to. */
const ACTING = new RegExp(String.raw`(?<![\p{L}\p{N}_.@-])(${WORD})(?=, (?:your|please|thanks|thank|can|could|would|the)\b| (?:is|was|has|had|said|says|wrote|called|asked|agreed|reported|ran|sent|signed) |: )`, "gu");

const TO_PERSON = /(?:\b(?:by|of|to|from|with|and|for|or|name|contact|author|owner|user|engineer|colleague|employee|manager|analyst|customer|client|applicant|patient|visitor|student|mother|father|witness|call|ask|tell)|[:,(“"—–])\s*$/i;
const TO_PLACE = /\b(?:the|a|an|in|at|near|on|into)\s+$/i;
const OF_PERSON = /^(?:['’]s\b| (?:is|was|has|had|will|would|can|could|did|does|said|says|wrote|ran|sent|went|got|left|lost|found|told|gave|took|made|saw|and|or|\p{Ll}+ed|\p{Ll}+s)\b| \(|[,:;.)”"]|$)/u;

/** English names, and others in Latin letters: from 2 points on two or three capitalised words count as one. */
export function englishNames(text: string): NameSpan[] {
  const out: NameSpan[] = [], add = (start: number, name: string) => { if (!name.split(" ").some((w) => NOT_NAMES.has(w) && !GIVEN.has(w.toLowerCase()))) out.push({ start, end: start + name.length }); };
  for (const m of text.matchAll(FULL)) {
    // a word that begins the sentence is no part of the name: "Would Julia Stein"
    let words = m[0].split(" "), start = m.index;
    const known = words.findIndex((w) => GIVEN.has(w.toLowerCase())), skip = known > 0 && known < words.length - 1 ? known : known !== 0 && NOT_NAMES.has(words[0]) ? 1 : 0;
    start += words.slice(0, skip).join(" ").length + Number(skip > 0);
    words = words.slice(skip);
    if (words.length < 2) continue;
    const name = words.join(" "), left = text.slice(Math.max(0, start - 20), start), right = text.slice(start + name.length, start + name.length + 20);
    let points = GIVEN.has(words[0].toLowerCase()) ? 2 : 0;
    if (TO_PLACE.test(left)) points -= 2;
    else if (TO_PERSON.test(left) || /(?:^|[.!?]\s+|\n)$/.test(left)) points += 1;
    if (OF_PERSON.test(right)) points += 1;
    if (points >= 2) add(start, name);
  }
  for (const m of text.matchAll(TITLED)) add(m.index + m[0].length - m[1].length, m[1]);
  for (const m of text.matchAll(CUED)) {
    const words = m[1].split(" "), known = GIVEN.has(words[0].toLowerCase());
    if (!TITLE_WORD.test(words[0]) && (words.length === 2 || known)) add(m.index + m[0].length - m[1].length, m[1]);
  }
  for (const m of text.matchAll(ACTING)) if (GIVEN.has(m[1].toLowerCase()) && !AMBIGUOUS.has(m[1].toLowerCase())) add(m.index, m[1]);
  return out;
}
