/** Answers to the exercises of section 3.5.3. */
import { code, number, type Exercise } from "./exercise";

export const SELECTIVE: Readonly<Record<string, Exercise>> = {
  "3.5.3/1": number(160, {
    hints: [
      { zh: "先算一轮里有多少个小批", en: "first find the micro-batches of an epoch" },
      { zh: "1000 / 8 = 125 个小批，每 4 个更新一次，余下的也更新一次", en: "1000 / 8 = 125 micro-batches; every 4 make an update, and so does the rest" },
      { zh: "5 × ⌈125 / 4⌉", en: "5 × ⌈125 / 4⌉" },
    ],
    solution: { zh: "125 个小批，⌈125/4⌉ = 32 次更新，5 轮 160 次。", en: "125 micro-batches, ⌈125/4⌉ = 32 updates, 160 in 5 epochs." },
    mistakes: [
      { value: 625, say: { zh: "这是小批的个数；每 4 个才更新一次", en: "those are micro-batches; only every fourth makes an update" } },
      { value: 32, say: { zh: "这是一轮的；共有 5 轮", en: "that is one epoch; there are 5" } },
      { value: 155, say: { zh: "每轮最后不满的一组也更新一次", en: "the incomplete group at the end of an epoch makes an update as well" } },
    ],
  }),
  "3.5.3/2": number(2 ** -10, {
    tolerance: 0.01,
    hints: [
      { zh: "FP16 有 10 位尾数；3 在 2 和 4 之间", en: "FP16 has 10 bits of fraction; 3 lies between 2 and 4" },
      { zh: "2 到 4 之间的间距是 2 × 2⁻¹⁰", en: "between 2 and 4 the distance is 2 × 2⁻¹⁰" },
      { zh: "2⁻⁹ 的一半", en: "half of 2⁻⁹" },
    ],
    solution: { zh: "间距 2¹ · 2⁻¹⁰ = 2⁻⁹ ≈ 0.00195，一半是 2⁻¹⁰ ≈ 0.00098。学习率 10⁻⁴ 的更新不到它的九分之一。", en: "The distance is 2¹ · 2⁻¹⁰ = 2⁻⁹ ≈ 0.00195, half of it 2⁻¹⁰ ≈ 0.00098. An update at rate 10⁻⁴ is less than a ninth of that." },
    mistakes: [
      { value: 2 ** -9, say: { zh: "这是间距；题目要它的一半", en: "that is the distance; the question asks for half of it" } },
      { value: 2 ** -11, say: { zh: "这是 1 与 2 之间的一半；3 在 2 和 4 之间", en: "that is the half between 1 and 2; 3 lies between 2 and 4" } },
      { value: 2 ** -25, say: { zh: "这是最小的正数的一半；间距随数的大小增长", en: "that is half of the smallest positive number; the distance grows with the number" } },
    ],
  }),
  "3.5.3/3": code([
    { given: [[5, 6, 2, 2], 2], want: [5, 6, -100, -100] },
    { given: [[0, 7, 8], 0], want: [-100, 7, 8] },
    { given: [[9, 2, 9, 2], 2], want: [9, -100, 9, -100] },
  ], {
    hints: [
      { zh: "标签与输入一样，只有 pad 的位置不同", en: "labels are the inputs, except where pad is" },
      { zh: "整理器不看位置，只看值：每一个等于 pad 的词元都被遮住", en: "the collator looks at values, not at places: every token that equals pad is masked" },
      { zh: "形如 ids.map((id) => (id === pad ? … : id))", en: "ids.map((id) => (id === pad ? … : id))" },
    ],
    solution: { zh: "(ids, pad) => ids.map((id) => (id === pad ? -100 : id))。pad = eos 时，真正的结束符也变成 −100。", en: "(ids, pad) => ids.map((id) => (id === pad ? -100 : id)). With pad = eos the true end mark becomes −100, too." },
    mistakes: [
      { shows: (f) => String(f([5, 6, 2, 2], 2)) === "5,6,2,-100", say: { zh: "你留下了第一个结束符：那是应该的做法，清单没有这样做", en: "you kept the first end mark: that would be right, but the listing does not do it" } },
      { shows: (f) => String(f([9, 2, 9, 2], 2)) === "9,2,9,-100", say: { zh: "你只遮住了末尾的填充；清单的整理器遮住每一个等于 pad 的词元", en: "you masked the padding at the end only; the listing's collator masks every token that equals pad" } },
      { shows: (f) => String(f([5, 6, 2, 2], 2)) === "5,6", say: { zh: "标签要与输入一样长：遮住，不是删去", en: "labels are as long as the inputs: mask, do not delete" } },
    ],
  }),
  "3.5.3/4": code([
    { given: [[1, 4, 5], [7, 8], 2], want: { ids: [1, 4, 5, 7, 8, 2], labels: [-100, -100, -100, 7, 8, 2] } },
    { given: [[3], [3, 2], 2], want: { ids: [3, 3, 2, 2], labels: [-100, 3, 2, 2] } },
    { given: [[], [6], 0], want: { ids: [6, 0], labels: [6, 0] } },
  ], {
    hints: [
      { zh: "ids 是三段接起来：提示、答案、结束符", en: "ids are three parts in a row: prompt, answer, end mark" },
      { zh: "labels 一样长，提示那一段全是 −100；错位一位由模型里的损失函数做", en: "labels are as long, with −100 all through the prompt; the shift by one is done by the model's loss" },
      { zh: "ids: [...prompt, ...answer, eos], labels: [...prompt.map(() => -100), …]", en: "ids: [...prompt, ...answer, eos], labels: [...prompt.map(() => -100), …]" },
    ],
    solution: { zh: "(prompt, answer, eos) => ({ ids: [...prompt, ...answer, eos], labels: [...prompt.map(() => -100), ...answer, eos] })", en: "(prompt, answer, eos) => ({ ids: [...prompt, ...answer, eos], labels: [...prompt.map(() => -100), ...answer, eos] })" },
    mistakes: [
      { shows: (f) => JSON.stringify(f([1], [7], 2)) === '{"ids":[1,7],"labels":[-100,7]}', say: { zh: "没有结束符：模型学不会停", en: "there is no end mark: the model cannot learn to stop" } },
      { shows: (f) => JSON.stringify(f([1], [7], 2)) === '{"ids":[1,7,2],"labels":[1,7,2]}', say: { zh: "提示也参与了损失：它的标签应是 −100", en: "the prompt counts in the loss: its labels should be −100" } },
      { shows: (f) => JSON.stringify(f([1], [7], 2)) === '{"ids":[1,7,2],"labels":[-100,7,-100]}', say: { zh: "结束符被遮住了：这正是清单的毛病", en: "the end mark is masked: that is the listing's very fault" } },
    ],
  }),
};
