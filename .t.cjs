const { train, evaluate } = require("tunelab/train"); const s=require("./test/dist/train/support.js"); const {tf,backend,nativeBackend}=require("tunelab/tensor"); const fs=require("fs");
(async()=>{ console.log(await backend()); const model=await s.tinyModel(); const data=s.randomExamples(8);
 fs.rmSync("/tmp/run1",{recursive:true,force:true});
 const t=Date.now(); const run=await train({model,method:s.smallLora(),data:{train:data,validation:data},steps:60,batchSize:8,learningRate:2e-2,display:false,folder:"/tmp/run1",saveEvery:20,schedule:"constant"});
 console.log(run.status, run.history.steps.map(r=>+r.loss.toFixed(3)).filter((_,i)=>i%10==0||i==59).join(" "), run.history.evaluations, Date.now()-t,"ms", tf.memory().numTensors);
 console.log([...Object.values(run.trained)[0].dataSync()].slice(0,3));
})();
